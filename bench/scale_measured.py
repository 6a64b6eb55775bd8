"""What is known of one worker: the figures that docs/scale.md goes by, each with where it is from.

Two sources, the first that has a figure is taken: `var/bench/*.json`, what was run here last, and
`bench/scale_figures.json`, what was measured when it was checked in. Both name the program and the day.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import results

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FIGURES = Path(__file__).parent / "scale_figures.json"
PROBE = "scale_probe"
"""The subject under which `scale_probe` leaves what it measures."""

PORTIONS = (5, 200)
"""Events of a portion: what a quiet lane reads at a time, and a busy one."""


def means(meaning: str) -> Any:
    """A field of this module's and `scale_plan`'s dataclasses, with what the page says of it."""
    return field(metadata={"means": meaning})


@dataclass(frozen=True)
class Measured:
    """Of one worker on one core."""

    cpu: float = means("CPU seconds a million events")
    base_bytes: float = means("resident in a worker before the first ticket")
    open_bytes: float = means("resident of an open ticket")
    done_bytes: float = means("resident of a done ticket until the retention is over: its alarm")
    mark_bytes: float = means("resident of a forgotten ticket's mark, for as long again")
    state_bytes: float = means("on a worker's disk of a ticket, done or open")
    input_bytes: float = means("an event on its topic, not compressed")
    changelog_bytes_quiet: float = means("changelog an event, compressed, a lane reading 5 at a time")
    changelog_bytes_busy: float = means("the same, a lane reading 200 at a time")
    ledger_bytes_quiet: float = means("ledger an event, compressed, a lane reading 5 at a time")
    ledger_bytes_busy: float = means("the same, a lane reading 200 at a time")
    ticket_bytes: float = means("a ticket's last record in the changelog, compressed")
    ledger_ticket_bytes: float = means("a ticket's last record in the ledger, compressed")
    events_a_ticket: float = means("events a ticket, of the load")
    alerts: float = means("alert records a million events, of the load")
    alert_bytes: float = means("an alert record, compressed by itself")
    board_bytes: float = means("a partition's board, for each team, priority and channel that occur together")
    board_cpu: float = means("CPU seconds to add that up and write it")
    series: float = means("series of a worker, the same way")
    load_cpu: float = means("seconds of a core to load a million tickets from the local state")
    replay_cpu: float = means("seconds of a core to bring as many there from changelog records, before that")
    opening: float = means("seconds of a hand-over that follow from no size")
    metadata_bytes: float = means("of a broker's answer, for a partition with three replicas")
    metadata_cpu: float = means("CPU seconds to read that")

    def changelog_bytes(self, portion: float) -> float:
        """Written an event, for portions of so many."""
        return _between(portion, self.changelog_bytes_quiet, self.changelog_bytes_busy)

    def ledger_bytes(self, portion: float) -> float:
        """The same."""
        return _between(portion, self.ledger_bytes_quiet, self.ledger_bytes_busy)


class Figure(NamedTuple):
    """A value and where it is from."""

    value: float
    source: str


def kept() -> dict[str, Figure]:
    """Every figure of `Measured` as it is checked in, whatever was measured on this machine since."""
    return {name: Figure(**row) for name, row in json.loads(FIGURES.read_text("utf-8")).items()}


def figures(given: Mapping[str, float] = MappingProxyType({})) -> dict[str, Figure]:
    """The newest that there are; those `given` go before all others. Raises KeyError for one that is none."""
    found = kept()
    probed = results.read(PROBE)
    if probed:
        rows = {str(row["what"]): float(row["value"]) for row in probed["rows"]}
        source = f"`bench/scale.py --probe`, {probed['at']}"
        found |= {name: Figure(value, source) for name, value in rows.items()}
    found |= dict(_on_servers(found["base_bytes"].value))
    for name, value in given.items():
        found[name] = found[name]._replace(value=value, source="given")
    return found


def measured(found: Mapping[str, Figure]) -> Measured:
    """The same as plain values."""
    return Measured(**{one.name: found[one.name].value for one in fields(Measured)})


def _on_servers(base: float) -> Iterator[tuple[str, Figure]]:
    """What the subjects on a real Kafka measured of the same, where they were run."""
    throughput, recovery = _Rows("throughput"), _Rows("recovery")
    if (cpu := throughput.value("CPU-s per million events")) is not None:
        yield "cpu", Figure(cpu, throughput.source)
    tickets = recovery.value("memory at the most", "tickets")
    memory = recovery.value("memory at the most")
    local, empty = (recovery.value(f"from {where}: all live") for where in ("local state", "an empty disk"))
    if not tickets or memory is None or local is None or empty is None:
        return
    yield "open_bytes", Figure((memory * 1e6 - base) / tickets, recovery.source)
    # The start of the process is in it, and what comes from Kafka on the way.
    yield "load_cpu", Figure(local / tickets * 1e6, recovery.source)
    yield "replay_cpu", Figure(max(0.0, empty - local) / tickets * 1e6, recovery.source)


class _Rows:
    """The last run of a subject."""

    def __init__(self, subject: str) -> None:
        run = results.read(subject) or {"at": "", "rows": []}
        self.source = f"`bench/{subject}.py`, {run['at']}"
        self._rows = {row["what"]: row for row in run["rows"] if "what" in row}

    def value(self, what: str, column: str = "value") -> float | None:
        """Of a row, None where it is not there."""
        row = self._rows.get(what)
        return float(row[column]) if row and column in row else None


def _between(portion: float, quiet: float, busy: float) -> float:
    return quiet if portion < (PORTIONS[0] * PORTIONS[1]) ** 0.5 else busy
