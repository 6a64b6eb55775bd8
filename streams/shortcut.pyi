from collections.abc import Mapping, Sequence
from typing import Protocol

from streams.policies import Policies
from streams.queue import Standing
from streams.windows import Contribution, Labels

Course = tuple[
    bytes, bytes, Labels, list[Contribution], list[Contribution], Standing | None, Standing | None, int | None
]
"""What a ticket comes to: as it is stored, and as the ledger has it; by what it is counted, what it contributed and
does no longer, what it contributes and did not before; where it stood and stands; and its next alarm."""

class Record(Protocol):
    @property
    def topic(self) -> str: ...
    @property
    def value(self) -> bytes | None: ...

class Shortcut:
    """Judges by these policies. `topics`: the type of the events on each."""

    def __init__(self, policies: Policies, topics: Mapping[str, str]) -> None: ...
    def course(
        self,
        key: bytes,
        value: bytes | None,
        records: Sequence[Record],
        now: int,
        latest: int,
        since: int,
        announced_from: int,
        retention: int,
    ) -> Course | None:
        """What the ticket of this key and stored value comes to by these events, all of them, or None: then nothing is
        said of any. Instants and durations in microseconds.

        `latest`: later events are not for here; 0: all are. `since`: contributions are from then on. `announced_from`,
        `retention`: as in `alerts.next_alarm` and for how long a ticket is kept that is done.
        """
    def take_applied(self) -> dict[str, int]:
        """How many events it has applied since the last call, by topic."""
