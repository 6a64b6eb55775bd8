"""Runs `slawatch report` on events made up for a test, and reads what it wrote."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner, Result

from agents.commands.report import command

if TYPE_CHECKING:
    from pathlib import Path

POLICIES = """
version: 1
policies:
  - name: urgent
    when: {priority: [urgent]}
    targets: {first_response: {limit: 15m}, resolution: {limit: 72h}}
  - name: normal
    targets: {first_response: {limit: 2h}, resolution: {limit: 72h}}
"""
AS_OF = "2024-06-02T00:00:00+08:00"


@dataclass
class Story:
    """Events of tickets, one after the other."""

    events: list[dict[str, Any]] = field(default_factory=list)

    def event(self, type_: str, ticket: str, at: str, **fields: Any) -> None:
        """An event at a time in Shanghai, `05-01 09:00` of 2024."""
        day, clock = at.split()
        self.events.append(
            {
                "event_id": f"e{len(self.events)}",
                "type": type_,
                "ticket_id": ticket,
                "occurred_at": f"2024-{day}T{clock}:00+08:00",
                **fields,
            }
        )

    def ticket(self, name: str, at: str, answered: str, agent: str = "a17", **fields: Any) -> None:
        """A ticket that was answered and resolved with that answer."""
        self.event("ticket_created", name, at, customer_id=f"customer of {name}", **fields)
        self.event("agent_replied", name, answered, agent_id=agent)
        self.event("status_changed", name, answered, status="resolved", seq=1)

    def review(self, name: str, at: str, scores: tuple[int, int, int, int], *deductions: str, **fields: Any) -> None:
        """The four scores in the shipped file's order."""
        given = dict(zip(("attitude", "resolution", "clarity", "satisfaction"), scores, strict=True))
        self.event("quality_reviewed", name, at, scores=given, deductions=list(deductions), **fields)

    def write(self, folder: Path) -> tuple[Path, Path]:
        """The files of events and policies."""
        events, policies = folder / "events.jsonl", folder / "policies.yaml"
        events.write_text("".join(json.dumps(event) + "\n" for event in self.events))
        policies.write_text(POLICIES)
        return events, policies


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def made(story: Story, folder: Path, *arguments: object, kind: str = "monthly", day: str = "2024-05-01") -> Path:
    """The folder with all that the report of May 2024 wrote."""
    events, policies = story.write(folder)
    out = folder / f"out{len(list(folder.iterdir()))}"
    given = ("--events", events, "--policies", policies, "--date", day, "--as-of", AS_OF, "--out", out)
    done = run(kind, *given, *arguments)
    assert done.exit_code == 0, done.output
    return out


def table(out: Path, name: str) -> list[list[str]]:
    """The rows of a CSV file, the headings first."""
    (path,) = out.glob(f"*/{name}.csv")
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.reader(lines))
