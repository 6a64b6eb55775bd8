"""Knows the forms of the shared folder: files of events and policies in, a table of clocks and its summary out."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import yaml
from judge import Clock, Event, by_ticket, counted, judge_all, read_policies
from judge_time import SECOND, text_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

COLUMNS = ["ticket_id", "target", "cycle", "started_at", "stopped_at", "elapsed_seconds", "breached_at", "verdict"]


def read_events(path: Path) -> list[Event]:
    """The events of a file of JSON lines, gzipped or not."""
    data = path.read_bytes()
    return [json.loads(line) for line in (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines()]


def judge_file(events: Path, policies: Path, as_of: int) -> list[Clock]:
    """Every listed clock of a file of events under a policy file, ordered by ticket, target and cycle."""
    return judge_all(read_events(events), read_policies(yaml.safe_load(policies.read_text("utf-8"))), as_of)


def row(clock: Clock) -> list[str]:
    """A clock as a line under COLUMNS, as in `expected/NAME.clocks.csv.gz`."""
    return [
        clock.ticket_id,
        clock.target,
        str(clock.cycle),
        text_of(clock.started_at),
        text_of(clock.stopped_at),
        "" if clock.elapsed is None else "{}.{:06}".format(*divmod(clock.elapsed, SECOND)),
        text_of(clock.breached_at),
        clock.verdict,
    ]


def summary(events: Sequence[Event], clocks: Sequence[Clock], as_of: int) -> dict[str, Any]:
    """The counts of events, tickets and verdicts, as in `expected/NAME.json`; quantiles are linear."""
    tickets = by_ticket(events)
    unique = sum(len({event["event_id"] for event in of_one}) for of_one in tickets.values())
    created = sum(1 for of_one in tickets.values() if counted(of_one))
    targets = sorted({clock.target for clock in clocks})
    return {
        "as_of": text_of(as_of),
        "events": {"read": len(events), "unique": unique, "duplicates": len(events) - unique},
        "tickets": {"seen": len(tickets), "created": created, "orphans": len(tickets) - created},
        "targets": {target: _target([clock for clock in clocks if clock.target == target]) for target in targets},
    }


def _target(clocks: Sequence[Clock]) -> dict[str, Any]:
    count = {name: sum(clock.verdict == name for clock in clocks) for name in ("met", "breached", "pending", "void")}
    judged = count["met"] + count["breached"]
    elapsed = sorted(c.elapsed for c in clocks if c.verdict in ("met", "breached") and c.elapsed is not None)
    return {
        "clocks": len(clocks),
        **count,
        "judged": judged,
        "compliance": round(count["met"] / judged, 6) if judged else None,
        "elapsed_seconds": {
            "count": len(elapsed),
            "mean": round(sum(elapsed) / len(elapsed) / SECOND, 6) if elapsed else None,
            "p50": quantile(elapsed, 50),
            "p90": quantile(elapsed, 90),
            "p95": quantile(elapsed, 95),
        },
    }


def quantile(ordered: Sequence[int], percent: int) -> float | None:
    """The linearly interpolated percentile of ordered microseconds, in seconds to six digits."""
    if not ordered:
        return None
    whole, part = divmod((len(ordered) - 1) * percent, 100)
    low, high = ordered[whole], ordered[min(whole + 1, len(ordered) - 1)]
    return round((low + (high - low) * part / 100) / SECOND, 6)
