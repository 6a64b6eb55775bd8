"""Samples: what is drawn and why, the sheet, and that it comes back whole or not at all."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import ceil
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_records import START, records

from agents.cli import cli
from config.errors import ConfigError
from config.quality import default_quality
from reports.measures.ground import Ground, Period, Scope
from reports.sampling.draw import Drawn, draw
from reports.sampling.filled import Filled, read_filled, written_before
from reports.sampling.sheet import csv_sheet, restored, survives, why, workbook_sheet
from reports.store.views import memory
from streams.events import Reader
from streams.instants import from_datetime, parse_instant
from streams.ledger_record import LedgerClock, LedgerRating, LedgerRecord, LedgerReview, encode

if TYPE_CHECKING:
    from collections.abc import Callable

QUALITY = default_quality()
NOW = parse_instant("2026-03-25T00:00:00Z")
ALL = Period(0, NOW)
NASTY = ("=1+1", "+49", "-1", "@SUM(A1)", "a;=1+1", "'=1", "20240501001", "工单-1")
FOUR = ("attitude", "resolution", "clarity", "satisfaction")


def drawn_of(made: list[LedgerRecord], share: float = 0.1, seed: int = 0, *, daily: bool = False, **more: Any) -> Any:
    with memory(made) as connection, Ground(connection, ALL, Scope(), QUALITY) as ground:
        return draw(ground, share, seed, daily=daily, **more)


def resolved(made: list[LedgerRecord]) -> list[LedgerRecord]:
    return [
        record
        for record in made
        if record.status in ("resolved", "closed")
        and record.done_at is not None
        and from_datetime(record.done_at) < NOW
        and not {record.reason, *(record.tags or [])} & QUALITY.not_effective
    ]


def urgency(record: LedgerRecord) -> int:
    late = any(
        clock.verdict == "breached" and clock.target in ("first_response", "resolution") for clock in record.clocks
    )
    low = bool(record.ratings) and max((each.at, each.score) for each in record.ratings)[1] <= 2
    return late + low


def day(record: LedgerRecord) -> str:
    assert record.done_at is not None
    return (record.done_at + timedelta(hours=8)).date().isoformat()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 60), st.sampled_from(("3%", "10%", "20%", "100%")), st.booleans())
def test_the_share_is_drawn_the_urgent_first_and_the_reviewed_never(
    seed: int, count: int, percent: str, daily: bool
) -> None:
    made = records(Random(seed), count)
    share = Fraction(percent.rstrip("%")) / 100
    found = drawn_of(made, float(share), seed, daily=daily)
    population = resolved(made)
    chosen = {each.ticket_id for each in found.drawn}
    assert len(chosen) == len(found.drawn)
    assert (found.tickets, found.taken) == (len(population), sum(bool(record.reviews) for record in population))
    for batch in {day(record) if daily else "" for record in population}:
        of_batch = [record for record in population if not daily or day(record) == batch]
        free = [record for record in of_batch if not record.reviews]
        quota = max(0, ceil(share * len(of_batch)) - (len(of_batch) - len(free)))
        taken, left = ([each for each in free if (each.ticket_id in chosen) is inside] for inside in (True, False))
        assert len(taken) == min(quota, len(free))
        assert min(map(urgency, taken), default=9) >= max(map(urgency, left), default=0)
    assert chosen <= {record.ticket_id for record in population if not record.reviews}
    by_id = {record.ticket_id: record for record in made}
    assert all(urgency(by_id[each.ticket_id]) == bool(each.overdue) + (each.rating is not None) for each in found.drawn)


def done(ticket_id: str, **fields: Any) -> LedgerRecord:
    at = START + timedelta(hours=1)
    return LedgerRecord(
        **{"ticket_id": ticket_id, "created_at": START, "status": "closed", "done_at": at, "clocks": [], **fields}
    )


def test_first_comes_what_is_both_overdue_and_rated_low_then_either_then_the_rest() -> None:
    late = [LedgerClock("resolution", 0, "p", 900.0, START, None, None, START, "breached")]
    low, high = [LedgerRating(START, 2)], [LedgerRating(START, 3)]
    made = [done(f"T-{i}", ratings=high) for i in range(7)]
    made += [done("late", clocks=late), done("low", ratings=low), done("both", clocks=late, ratings=low)]
    for seed in range(5):
        first, *others = [each.ticket_id for each in drawn_of(made, 0.3, seed).drawn]
        assert first == "both"
        assert set(others) == {"late", "low"}


def test_a_seed_draws_the_same_and_others_draw_others_evenly() -> None:
    made = [done(f"T-{i}") for i in range(50)]
    assert drawn_of(made, seed=3) == drawn_of(list(reversed(made)), seed=3)
    often = dict.fromkeys((record.ticket_id for record in made), 0)
    with memory(made) as connection, Ground(connection, ALL, Scope(), QUALITY) as ground:
        for seed in range(100):
            for each in draw(ground, 0.1, seed, daily=False).drawn:
                often[each.ticket_id] += 1
    assert sum(often.values()) == 100 * 5
    assert max(often.values()) < 28  # 10 are expected; 3 is a standard deviation
    assert sum(count > 0 for count in often.values()) > 45


def test_what_was_drawn_or_reviewed_is_not_drawn_again() -> None:
    made = [done(f"T-{i}") for i in range(20)]
    first = [each.ticket_id for each in drawn_of(made, 0.2).drawn]
    assert len(first) == 4
    assert drawn_of(made, 0.2, 1, without=first).drawn == ()
    more = [each.ticket_id for each in drawn_of(made, 0.4, 1, without=first).drawn]
    assert len(more) == 4
    assert not set(more) & set(first)
    for record in made:
        if record.ticket_id in first:
            record.reviews = [LedgerReview(START, {"attitude": 5})]
    assert not set(first) & {each.ticket_id for each in drawn_of(made, 1.0).drawn}


def test_each_draw_is_explained() -> None:
    ticket = Drawn("T", 0, "a17", None, None, ("first_response", "resolution"), 1)
    assert why(ticket, "en") == "overdue: first response, resolution; customer's rating 1"
    assert why(ticket, "zh") == "超时：首次响应, 解决; 客户评分 1"
    assert why(replace(ticket, overdue=(), rating=None), "zh") == "随机抽取"


# the sheet


def a_sheet(tmp_path: Path, kind: str, language: str = "en", ids: tuple[str, ...] = ("T-1", "T-2", "T-3")) -> Path:
    drawn = [
        Drawn(ticket_id, parse_instant("2026-03-02T01:00:00Z"), "a17", "=kind", "chat", (), None) for ticket_id in ids
    ]
    path = tmp_path / f"sheet.{kind}"
    write = csv_sheet if kind == "csv" else workbook_sheet
    path.write_bytes(write(QUALITY, drawn, language, NOW))
    return path


def fill_in(path: Path, change: Callable[[int, dict[str, Any]], None]) -> None:
    """What a reviewer does: `change` gets each row's number and its cells by column."""
    if path.suffix == ".csv":
        rows: list[list[Any]] = list(csv.reader(io.StringIO(path.read_text("utf-8-sig"), newline="")))
        book = None
    else:
        book = openpyxl.load_workbook(path)
        rows = [[cell.value for cell in row] for row in book.worksheets[0].iter_rows()]
    heading = rows[0]
    for number, row in enumerate(rows[1:], 1):
        cells = dict(zip(heading, row, strict=True))
        change(number, cells)
        rows[number] = [cells[name] for name in heading]
    if book is None:
        text = io.StringIO(newline="")
        csv.writer(text).writerows(rows)
        path.write_text(text.getvalue(), "utf-8-sig", newline="")
        return
    for number, row in enumerate(rows, 1):
        for column, value in enumerate(row, 1):
            book.worksheets[0].cell(number, column).value = value
    book.save(path)


def scored(cells: dict[str, Any], score: Any = 4) -> None:
    cells.update({"reviewer": "q1", **dict.fromkeys(FOUR, score)})


def read(path: Path, **more: Any) -> Filled:
    return read_filled(path, QUALITY, NOW, **more)


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_filled_sheet_comes_back_as_events(kind: str, tmp_path: Path) -> None:
    path = a_sheet(tmp_path, kind)

    def change(number: int, cells: dict[str, Any]) -> None:
        if number < 3:
            scored(cells)
            cells["clarity"] = 2
            cells["reasons for deductions"] = "went back once；spoke fast"
            cells["labels"] = "identity_checked"

    fill_in(path, change)
    found = read(path)
    assert (found.problems, found.empty, len(found.events)) == ([], 1, 2)
    event = json.loads(found.events[0])
    assert event.pop("event_id").startswith("review-")
    assert event == {
        "type": "quality_reviewed",
        "ticket_id": "T-1",
        "occurred_at": "2026-03-25T00:00:00Z",
        "source": "slawatch import-reviews",
        "reviewer_id": "q1",
        "agent_id": "a17",
        "scores": {"attitude": 4, "resolution": 4, "clarity": 2, "satisfaction": 4},
        "deductions": ["went back once", "spoke fast"],
        "labels": ["identity_checked"],
    }
    assert read(path).events == found.events
    assert len({json.loads(line)["event_id"] for line in found.events}) == 2
    assert all(Reader().read(line) for line in found.events)


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_ids_come_back_as_they_went_and_no_cell_is_a_formula(kind: str, language: str, tmp_path: Path) -> None:
    ids = tuple(filter(survives, NASTY))
    assert set(NASTY) - set(ids) == {"'=1"}
    path = a_sheet(tmp_path, kind, language, ids)
    assert written_before(path, QUALITY) == set(ids)
    if kind == "csv":
        cells = [cell for row in csv.reader(path.read_text("utf-8-sig").splitlines()) for cell in row]
        assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]
    else:
        typed = [cell for row in openpyxl.load_workbook(path).worksheets[0].iter_rows() for cell in row]
        assert {cell.data_type for cell in typed if cell.value is not None} == {"s"}
        assert all(cell.quotePrefix for cell in typed if str(cell.value)[:1] in "=+-@")


@given(st.text(max_size=20))
def test_an_id_survives_only_where_it_comes_back(text: str) -> None:
    drawn = [Drawn(text, 0, None, None, None, (), None)]
    if survives(text) and text:
        (_, row) = csv.reader(io.StringIO(csv_sheet(QUALITY, drawn, "en", NOW).decode("utf-8-sig"), newline=""))
        assert restored(row[0].strip()) == text


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_every_bad_row_is_named_with_its_line_and_nothing_is_taken(kind: str, tmp_path: Path) -> None:
    path = a_sheet(tmp_path, kind, ids=tuple(f"T-{i}" for i in range(1, 10)))

    def change(number: int, cells: dict[str, Any]) -> None:
        scored(cells)
        wrong: dict[int, dict[str, Any]] = {
            2: {"attitude": 6},
            3: {"clarity": "4.5", "satisfaction": None},
            4: {"reviewer": None},
            5: {"reviewed at": "2026-03-02"},
            6: {"reviewed at": "2026-04-02T00:00:00Z"},
            7: {"ticket": None},
            8: {"ticket": "T-1"},
            9: {"ticket": "x" * 257},
        }
        cells.update(wrong.get(number, {}))

    fill_in(path, change)
    found = read(path)
    assert [(problem.line, problem.field) for problem in found.problems] == [
        (3, "attitude"), (4, "clarity"), (4, "satisfaction"), (5, "reviewer"), (6, "reviewed at"), (7, "reviewed at"),
        (8, "ticket"), (9, "ticket"), (10, "ticket_id"),
    ]  # fmt: skip
    assert "row 2 too" in found.problems[-2].reason
    out = tmp_path / "out.jsonl"
    done_ = CliRunner().invoke(cli, ["import-reviews", str(path), "--out", str(out)])
    assert isinstance(done_.exception, ConfigError)
    assert "nothing was imported" in done_.stderr
    assert not out.exists()


def test_a_score_may_be_a_number_as_spreadsheets_keep_it(tmp_path: Path) -> None:
    path = a_sheet(tmp_path, "xlsx")
    fill_in(path, lambda _, cells: scored(cells, 5.0))
    assert [json.loads(line)["scores"]["attitude"] for line in read(path).events] == [5, 5, 5]


def test_rows_that_name_nobody_are_the_reviewers_who_is_given(tmp_path: Path) -> None:
    path = a_sheet(tmp_path, "csv")
    fill_in(path, lambda number, cells: scored(cells) if number == 1 else None)
    fill_in(path, lambda _, cells: cells.update(reviewer=""))
    assert read(path).problems[0].field == "reviewer"
    (line,) = read(path, reviewer="q7").events
    assert json.loads(line)["reviewer_id"] == "q7"


def test_columns_may_be_moved_renamed_to_their_keys_and_separated_by_semicolons(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text(
        "satisfaction;clarity;服务态度;resolution;reviewed_at;reviewer_id;工单编号;remark\n"
        "1;2;3;4;2026-03-02T09:00:00+08:00;q1;T-9;=x\n\n",
        encoding="utf-8",
    )
    event = json.loads(read(path).events[0])
    assert event["scores"] == {"attitude": 3, "resolution": 4, "clarity": 2, "satisfaction": 1}
    assert (event["ticket_id"], event["occurred_at"]) == ("T-9", "2026-03-02T01:00:00Z")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "holds no row"),
        ("a.csv", b"ticket,attitude\n", "no such column"),
        ("a.csv", "工单".encode("gbk"), "not UTF-8"),
        ("a.xlsx", b"PK\x03\x04 no workbook", "cannot be read as a sheet"),
        ("a.xlsx", b"ticket,attitude\n", "cannot be read as a sheet"),
    ],
)
def test_what_is_no_sheet_is_said_to_be_none(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert said in str(read(path).problems[0])


def test_a_sheet_is_drawn_filled_in_and_imported_by_command(tmp_path: Path) -> None:
    given_ = tmp_path / "records.jsonl"
    made = [done(f"T-{i}", ratings=[LedgerRating(START, 1 if i == 7 else 5)]) for i in range(30)]
    given_.write_bytes(b"\n".join(map(encode, made)))
    sheet, other = tmp_path / "sheet.xlsx", tmp_path / "other.csv"
    days = ["--from", "2026-03-01", "--to", "2026-03-02", "--ledger", str(given_)]
    said = CliRunner().invoke(cli, ["sample", *days, "--out", str(sheet)])
    assert said.output.startswith("3 of 30 resolved tickets drawn: 0 overdue, 1 rated low, 2 by lot; 0 were reviewed")
    assert "T-7" in written_before(sheet, QUALITY)
    again = ["sample", *days, "--share", "20%", "--without", str(sheet), "--out", str(other), "--lang", "zh"]
    assert CliRunner().invoke(cli, again).output.startswith("3 of 30 resolved tickets drawn: 0 overdue, 0 rated low")
    assert not written_before(sheet, QUALITY) & written_before(other, QUALITY)
    fill_in(sheet, lambda _, cells: scored(cells))
    out = tmp_path / "events.jsonl"
    for _ in range(2):
        said = CliRunner().invoke(cli, ["import-reviews", str(sheet), "--out", str(out)])
        assert said.output == "3 reviews imported, 0 rows not filled in\n"
        lines = out.read_bytes().splitlines()
    assert {json.loads(line)["ticket_id"] for line in lines} == written_before(sheet, QUALITY)


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        (["--from", "2026-03-02", "--to", "2026-03-01"], "--to 2026-03-01 is before --from 2026-03-02"),
        (["--from", "2026-3-41"], "no day: '2026-3-41' (write 2026-01-31)"),
        (["--team", "biling"], "--team: nothing of 'biling' in the ledger, did you mean 'billing'?"),
        (["--share", "110%"], "not a share: '110%'"),
        (["--out", "no-such-folder/sheet.csv"], "no-such-folder/sheet.csv': No such file or directory"),
        (["--out", "filled.csv"], "is there, and reviewers may have written into it"),
    ],
)
def test_what_cannot_be_drawn_is_said_in_a_line(
    given_: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("records.jsonl").write_bytes(encode(done("T-1", team="billing")))
    Path("filled.csv").write_text("a reviewer's work")
    days = ["--from", "2026-03-01", "--to", "2026-03-02", "--ledger", "records.jsonl", "--out", "new.csv"]
    ended = CliRunner().invoke(cli, ["sample", *days, *given_])
    assert ended.exit_code in (1, 2)
    assert said in ended.output
    assert not Path("new.csv").exists()
    assert Path("filled.csv").read_text() == "a reviewer's work"


def test_a_ticket_is_of_the_day_on_which_it_was_resolved_where_the_centre_is() -> None:
    at = datetime(2026, 3, 1, 17, tzinfo=UTC)  # past midnight in Shanghai
    made = [done("early", done_at=at - timedelta(hours=2)), done("late", done_at=at)]
    with memory(made) as connection:
        period = Period(parse_instant("2026-03-01T00:00:00+08:00"), parse_instant("2026-03-02T00:00:00+08:00"))
        with Ground(connection, period, Scope(), QUALITY) as ground:
            assert [each.ticket_id for each in draw(ground, 1.0, 0, daily=True).drawn] == ["early"]
