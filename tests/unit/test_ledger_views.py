"""The ledger's views in memory, other limits over them, and the names in the place of agents'."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from agents.cli import cli
from agents.commands import replay as replay_command
from agents.events_io import open_events
from agents.replay import Replay, compared
from config.errors import ConfigError
from config.policies import load_policies
from config.settings import load_settings
from reports.limits import Shift, shifts_of
from reports.pseudonyms import Pseudonyms
from reports.store.columns import COLUMNS
from reports.store.folder import Folder, Manifest
from reports.store.rules import Rules
from reports.store.views import VIEWS, memory
from reports.store.writing import Line, Writer
from streams import ledger
from streams.events import Reader
from streams.ledger_record import (
    LedgerCallback,
    LedgerClock,
    LedgerComplaint,
    LedgerRating,
    LedgerRecord,
    LedgerReply,
    LedgerReview,
    LedgerTotals,
    encode,
)

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
AT = datetime(2026, 3, 2, 9, 30, 0, 250_000, tzinfo=UTC)


def test_every_view_has_a_row_for_each_of_its_things() -> None:
    later = AT + timedelta(minutes=1)
    clock = LedgerClock("first_response", 0, "all", 60.0, AT, later, 59.75, None, "met")
    full = LedgerRecord(
        "T1", AT, "closed", [clock], "agent", "merged", later, 2, "urgent", "chat", "billing", "a17", "c1", "refund",
        "incident", ["vip", "new"], {"next_response": LedgerTotals(5, 4, 3, 2, 1.5)}, 7,
        [LedgerReply(AT, "a17", "billing", 4.5)], [LedgerRating(AT, 2, "=slow")],
        [LedgerReview(AT, {"attitude": 5, "clarity": 1}, "r1", "a17", ["late"], ["class right"])],
        [LedgerComplaint(AT, valid=False, category="tone")],
        [LedgerCallback(AT, reached=True, agent_id="a17", score=4)],
    )  # fmt: skip
    views = memory([LedgerRecord("T1", AT, "open", []), full, LedgerRecord("T2", AT, "open", [])])
    rows = {view: sorted(views.execute(f"FROM {view}").fetchall(), key=lambda row: row[0]) for view in VIEWS}
    assert rows == {
        "tickets": [
            ("T1", AT, "agent", "closed", "merged", later, 2, "urgent", "chat", "billing", "a17", "c1", "refund",
             "incident", ["vip", "new"], 7),
            ("T2", AT, "customer", "open", None, None, 0, None, None, None, None, None, None, None, None, 0),
        ],
        "clocks": [("T1", "first_response", 0, "all", 60.0, AT, later, 59.75, None, "met")],
        "totals": [("T1", "next_response", 5, 4, 3, 2, 1.5)],
        "replies": [("T1", AT, "a17", "billing", 4.5)],
        "ratings": [("T1", AT, 2, "=slow")],
        "reviews": [("T1", AT, "r1", "a17", {"attitude": 5, "clarity": 1}, ["late"], ["class right"])],
        "complaints": [("T1", AT, False, "tone")],
        "callbacks": [("T1", AT, True, "a17", 4)],
    }  # fmt: skip


def test_there_is_a_column_for_every_field() -> None:
    assert set(COLUMNS) == set(LedgerRecord.__struct_fields__)


def judged_by(policies: Path) -> Replay:
    replay = Replay(load_policies(policies))
    read = Reader().read
    with open_events(str(EXAMPLES / "events.jsonl.gz")) as file:
        for _, line in file:
            replay.feed(read(line))
    assert replay.last is not None
    replay.settle(replay.last)
    return replay


@pytest.fixture(scope="module")
def shorter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's promises with other limits and nothing else."""
    text = re.sub(r", warn: (\[[^]]*\]|\w+)", "", (EXAMPLES / "policies.yaml").read_text())
    path = tmp_path_factory.mktemp("limits") / "shorter.yaml"
    path.write_text(re.sub(r"(first_response: {limit: )\w+", r"\g<1>50s", text).replace("limit: 24h", "limit: 9m"))
    return path


def test_other_limits_over_the_ledger_are_what_the_events_say_where_it_is_sure(shorter: Path) -> None:
    """The judge of the events is the oracle: with the ledger's undecided clocks set aside both say the same."""
    held, other = judged_by(EXAMPLES / "policies.yaml"), judged_by(shorter)
    assert held.last is not None
    records = [
        ledger.record(ticket_id, ticket.state, held.last)
        for ticket_id, ticket in held.tickets.items()
        if ticket.state is not None
    ]
    years = datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)
    by_ledger = {key(shift): shift for shift in shifts_of(memory(records), load_policies(shorter), *years)}
    by_events = {key(shift): shift for shift in compared(held, other)}
    assert by_events.keys() <= by_ledger.keys()
    for which, shift in by_events.items():
        found = by_ledger[which]
        assert (found.judged, found.met) == (shift.judged, shift.met), which
        assert found.met_then <= shift.met_then <= found.met_then + found.undecided, which
        assert found.judged_then <= shift.judged_then <= found.judged_then + found.undecided, which
    sure = [which for which, shift in by_ledger.items() if not shift.undecided]
    assert {which: by_ledger[which] for which in sure} == {which: by_events[which] for which in sure}
    assert len(sure) > len(by_ledger) / 2
    assert sum(by_ledger[which].now_breached for which in sure) > 10
    team = shifts_of(memory(records), load_policies(shorter), *years, team="billing")
    assert {key(shift): shift for shift in team} == {w: s for w, s in by_ledger.items() if w[1] == "billing"}


def key(shift: Shift) -> tuple[str, str | None, str | None]:
    return shift.target, shift.team, shift.priority


def _first_responses(policies: Path) -> dict[str, int]:
    replay = judged_by(policies)
    assert replay.last is not None
    figures: dict[str, int] = replay.summary(replay.last)["targets"]["first_response"]
    return figures


def test_replay_compares_two_promises(shorter: Path) -> None:
    given = [
        str(EXAMPLES / "events.jsonl.gz"),
        "--policies",
        str(EXAMPLES / "policies.yaml"),
        "--compare",
        str(shorter),
    ]
    done = CliRunner().invoke(replay_command.command, [*given, "--json", "-"])
    assert done.exit_code == 0, done.output
    rows = [row for row in json.loads(done.stdout)["compare"] if row["target"] == "first_response"]
    one, other = (_first_responses(policies) for policies in (EXAMPLES / "policies.yaml", shorter))
    assert sum(row["met"] for row in rows) == one["met"]
    assert sum(row["met_then"] for row in rows) == other["met"] < one["met"]
    assert sum(row["now_breached"] - row["now_met"] for row in rows) == one["met"] - other["met"]
    shown = CliRunner().invoke(replay_command.command, given).stdout
    assert "overdue" in shown


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (("--json",), 0, '"judged": 1, "met": 1, "judged_then": 1, "met_then": 0, "now_breached": 1, "now_met": 0'),
        (("--until", "2026-03-01T00:00:00Z"), 2, "is not before 2026-03-01 00:00 (swap them)"),
        (("--team", "bill"), 2, "--team: nothing of 'bill' in the ledger, did you mean 'billing'?"),
    ],
)
def test_the_ledger_is_asked_what_other_limits_had_meant(
    given: tuple[str, ...], code: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = LedgerClock("first_response", 0, "p", 900.0, AT, AT + timedelta(minutes=10), 600.0, None, "met")
    record = LedgerRecord("T-1", AT, "open", [clock], team="billing")
    writer = Writer(Folder(tmp_path), Manifest(number=1, read_at=AT), Rules())
    writer.take([Line("T-1", 0, 0, encode(record))], {0: 1})
    Folder(tmp_path).publish(writer.manifest)
    writer.close()
    policies = tmp_path / "policies.yaml"
    policies.write_text("version: 1\npolicies: [{name: all, targets: {first_response: {limit: 5m}}}]\n")
    monkeypatch.setenv("SLAWATCH_LEDGER", str(tmp_path))
    days = ("--since", "2026-03-01T00:00:00Z", "--until", "2026-04-01T00:00:00Z")
    done = CliRunner().invoke(cli, ["ledger", "compare", str(policies), *days, *given])
    assert done.exit_code == code, done.output
    assert said in done.output


def test_a_pseudonym_stays_and_tells_nothing(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("s" * 32 + "\n")
    names = Pseudonyms.of_file(file)
    assert names.of("a17") == Pseudonyms("s" * 32).of("a17") != Pseudonyms("t" * 32).of("a17")
    assert len({names.of(f"a{number}") for number in range(2_000)}) == 2_000
    assert re.fullmatch("~[a-z2-7]{8}", names.of("客服"))
    assert "s" * 8 not in repr(names)
    for content in (b"short", b"\xff" * 40):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r"secret of the pseudonyms") as caught:
            Pseudonyms.of_file(file)
        assert content.decode(errors="replace") not in str(caught.value)
    with pytest.raises(ValueError, match="cannot read"):
        Pseudonyms.of_file(tmp_path / "none")


def test_where_the_ledger_lies_and_how_long_it_is_kept() -> None:
    settings = load_settings({"SLAWATCH_DATA_DIR": "/data"})
    assert (settings.ledger_folder, settings.ledger_retention) == (Path("/data/ledger"), 0)
    assert load_settings({"SLAWATCH_LEDGER": "/ledger"}).ledger_folder == Path("/ledger")
    with pytest.raises(ConfigError, match="SLAWATCH_LEDGER_RETENTION: shorter than SLAWATCH_RETENTION"):
        load_settings({"SLAWATCH_LEDGER_RETENTION": "29d"})
