"""Where a report's tickets come from makes no difference to it; and pseudonyms reach all that names an agent."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random

import pytest
from ledger_records import records
from ledgers import FakeTopic
from report_cases import run

from agents.ledger_sync import Sync
from config.goals import Goal
from config.quality import Level, default_quality
from reports.pages.pseudonyms import hidden_goals, hidden_levels
from reports.pseudonyms import Pseudonyms
from reports.store.folder import Folder
from streams.ledger_record import encode

NOW = datetime(2026, 4, 2, tzinfo=UTC)


def contents(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", ["daily", "monthly"])
def test_the_ledgers_folder_and_a_file_of_its_records_give_the_same_report(kind: str, tmp_path: Path) -> None:
    tickets, topic = records(Random(4), 80), FakeTopic()
    for ticket in tickets:
        topic.write(ticket)
    asyncio.run(Sync(Folder(tmp_path / "ledger"), topic, None).run(NOW))
    (tmp_path / "records.jsonl").write_bytes(b"".join(encode(ticket) + b"\n" for ticket in tickets))
    asked = (kind, "--date", "2026-03-12", "--as-of", "2026-04-02T00:00:00Z", "--role", "supervisor")
    made = {}
    for source in ("ledger", "records.jsonl"):
        done = run(*asked, "--ledger", tmp_path / source, "--out", tmp_path / f"out of {source}")
        assert done.exit_code == 0, done.output
        made[source] = contents(tmp_path / f"out of {source}")
    assert made["ledger"] == made["records.jsonl"]
    assert len(made["ledger"]) > 20


def test_a_folder_without_a_ledger_is_refused_with_the_remedy(tmp_path: Path) -> None:
    done = run("daily", "--ledger", tmp_path)
    assert "slawatch ledger sync" in str(done.exception)


def test_levels_and_goals_follow_their_agents_under_pseudonyms() -> None:
    names = Pseudonyms("a secret of the tests, long enough to be one")
    levels = (Level("new", 50, None, frozenset({"a17"})), Level("others", 80, 100, None))
    hidden = hidden_levels(replace(default_quality(), levels=levels), names)
    assert [level.agents for level in hidden.levels] == [{names.of("a17")}, None]
    goal = Goal("a17", None, "average_score", 14.0, 16.0, date(2026, 3, 1), date(2026, 3, 31), "a18", 1)
    (changed,) = hidden_goals([goal], names)
    assert changed == replace(goal, agent=names.of("a17"), owner=names.of("a18"))
