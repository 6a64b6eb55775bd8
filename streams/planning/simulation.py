"""A team's desk under a plan's demand, simulated: what is kept of the promises, and what is left waiting."""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from random import Random

from streams.clocks import FIRST_RESPONSE, Verdict
from streams.facts import CANCELLED
from streams.planning import desk
from streams.planning.contact import Contact
from streams.planning.demand import Stream
from streams.planning.slots import SLOT, Slots
from streams.policies import TARGETS, Policies


@dataclass(slots=True)
class Tally:
    """Clocks by verdict."""

    met: int = 0
    breached: int = 0
    pending: int = 0

    def add(self, verdict: Verdict) -> None:
        """One clock more; a void one counts nowhere."""
        if verdict == "met":
            self.met += 1
        elif verdict == "breached":
            self.breached += 1
        elif verdict == "pending":
            self.pending += 1

    @property
    def compliance(self) -> float | None:
        """Met of those judged; None where none is."""
        judged = self.met + self.breached
        return self.met / judged if judged else None


@dataclass(slots=True)
class Run:
    """What one simulation of a desk came to."""

    seen: desk.Seen
    answers: list[Tally]
    """First responses of the contacts that came in each half-hour."""
    targets: dict[str, Tally] = field(default_factory=dict)
    contacts: int = 0
    left: int = 0
    """Customers who hung up; what was promised to them counts nowhere."""
    unfinished: int = 0
    """Tickets that are not done at the end."""


def simulate(demand: Sequence[Stream], policies: Policies, staff: Sequence[int], slots: Slots, seed: int) -> Run:
    """One simulation of one team, whose demand this is; the same seed gives the same.

    At its end every open ticket is judged as of then.
    """
    random = Random(seed)  # noqa: S311  a simulation must repeat itself, it guards no secret
    result = Run(desk.Seen(), [Tally() for _ in slots.starts])
    stories: set[Contact] = set()

    def over(contact: Contact, at: int) -> None:
        stories.discard(contact)
        _judge(contact, at, result)

    def arrivals() -> Iterator[tuple[int, desk.Case]]:
        for at, slot, stream in _arrivals(demand, slots, random):
            contact = Contact(stream, at, slot, policies, random, over)
            stories.add(contact)
            result.contacts += 1
            yield at, contact

    result.seen = desk.run(arrivals(), staff, slots)
    result.unfinished = len(stories)
    for contact in stories:
        _judge(contact, slots.end, result)
    return result


def _judge(contact: Contact, at: int, result: Run) -> None:
    """Add its clocks' verdicts, as of an instant."""
    state = contact.state
    state.settle(at)
    if state.status == CANCELLED:
        result.left += 1
    for clock in state.clocks:
        if clock.listed:
            verdict = clock.verdict(state.status, clock.breached)
            result.targets.setdefault(TARGETS[clock.target], Tally()).add(verdict)
            if clock.target == FIRST_RESPONSE:
                result.answers[contact.slot].add(verdict)


def _arrivals(demand: Sequence[Stream], slots: Slots, random: Random) -> Iterator[tuple[int, int, Stream]]:
    """A Poisson process by half-hours: instant, number of the half-hour, whose contact it is."""
    for number, start in enumerate(slots.starts):
        bounds = list(accumulate(stream.arrivals[number] for stream in demand))
        expected = bounds[-1] if bounds else 0.0
        if not expected:
            continue
        gap = SLOT / expected
        at = start - gap * math.log(1 - random.random())
        while at < start + SLOT:
            place = bisect(bounds, random.random() * expected, hi=len(bounds) - 1)
            yield int(at), number, demand[place]
            at -= gap * math.log(1 - random.random())
