"""A real help desk's whole log: the clocks, figures and reports that an independent program worked out of it."""

from __future__ import annotations

import csv
import gzip
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from statistics import fmean
from typing import TYPE_CHECKING, Any

import pytest
from shared import shared_dir

from agents.report_source import judged
from config.quality import default_quality
from reports.measures.figures import read
from reports.measures.ground import Ground, Period, Reading, Scope
from reports.measures.response import kept
from reports.pages.audience import Audience
from reports.pages.document import hours, minutes, percent
from reports.pages.periods import Days
from reports.pages.report import Order, report
from streams.instants import from_datetime, parse_instant

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

ALL = Days(date(2010, 1, 1), date(2014, 12, 31))
QUALITY = default_quality()
SPOKEN = {
    "first_response": "first response",
    "resolution": "resolution",
    "follow_up": "follow-up",
    "acceptance": "acceptance",
    "team_answer": "team's answer",
    "next_response": "next response",
}


@dataclass
class Desk:
    """The log judged by one file of promises, and what was worked out elsewhere of it."""

    views: duckdb.DuckDBPyConnection
    expected: dict[str, Any]
    clocks: list[dict[str, str]]
    as_of: int

    def ground(self, since: int = 0, until: int | None = None) -> Ground:
        return Ground(self.views, Period(since, self.as_of + 1 if until is None else until), Scope(), QUALITY)


@pytest.fixture(scope="module", params=["default", "office", "quarters"])
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    folder, name = shared_dir() / "data/helpdesk", request.param
    expected = json.loads((folder / f"expected/{name}.json").read_text())
    with gzip.open(folder / f"expected/{name}.clocks.csv.gz", "rt") as lines:
        clocks = list(csv.DictReader(lines))
    as_of = parse_instant(expected["as_of"])
    with judged(folder / "events.jsonl.gz", folder / f"policies/{name}.yaml", as_of) as views:
        yield Desk(views, expected, clocks, as_of)


def test_every_clock_of_every_promise_is_the_one_worked_out_elsewhere(desk: Desk) -> None:
    found = desk.views.execute("""
        SELECT ticket_id, target, cycle, epoch_us(started_at), epoch_us(stopped_at), elapsed_seconds,
            epoch_us(breached_at), verdict
        FROM clocks
    """).fetchall()

    def instant(text: str) -> int | None:
        return parse_instant(text) if text else None

    assert len(found) == len(desk.clocks)
    assert set(found) == {
        (
            each["ticket_id"],
            each["target"],
            int(each["cycle"]),
            instant(each["started_at"]),
            instant(each["stopped_at"]),
            float(each["elapsed_seconds"]) if each["elapsed_seconds"] else None,
            instant(each["breached_at"]),
            each["verdict"],
        )
        for each in desk.clocks
    }


def test_the_figures_over_the_whole_log(desk: Desk) -> None:
    every = desk.ground()
    assert read(every, "effective_share").tickets == desk.expected["tickets"]["created"]
    for target, figures in desk.expected["targets"].items():
        found = kept(every, (target,))[()]
        assert (found.met, found.breached, found.timed) == (
            figures["met"], figures["breached"], figures["elapsed_seconds"]["count"],
        )  # fmt: skip
        assert found.compliance is not None
        assert round(found.compliance, 6) == figures["compliance"]
        for quantile in ("mean", "p50", "p90", "p95"):
            assert getattr(found, quantile) == pytest.approx(figures["elapsed_seconds"][quantile], abs=1e-6)


def test_the_figures_of_each_quarter_are_those_of_the_clocks_judged_in_it(desk: Desk) -> None:
    """By the independent program's clocks, added up here."""
    quarters = [
        from_datetime(datetime(year, month, 1, tzinfo=UTC)) for year in range(2010, 2015) for month in (1, 4, 7, 10)
    ]
    seen = 0
    for since, until in pairwise(quarters):
        with desk.ground(since, until) as quarter:
            for target in desk.expected["targets"]:
                own = [each for each in desk.clocks if each["target"] == target and since <= _judged_at(each) < until]
                took = [float(each["elapsed_seconds"]) for each in own if each["elapsed_seconds"]]
                found = kept(quarter, (target,))[()]
                assert found.met == sum(each["verdict"] == "met" for each in own)
                assert found.breached == sum(each["verdict"] == "breached" for each in own)
                assert found.tickets == len({each["ticket_id"] for each in own})
                assert found.mean == (pytest.approx(fmean(took), rel=1e-12) if took else None)
                seen += len(own)
            if "next_response" not in desk.expected["targets"]:
                assert read(quarter, "interaction_time") == read(quarter, "response_time")
    assert seen == sum(figures["judged"] for figures in desk.expected["targets"].values())


def _judged_at(clock: dict[str, str]) -> int:
    match clock["verdict"]:
        case "met":
            return parse_instant(clock["stopped_at"])
        case "breached":
            return parse_instant(clock["breached_at"])
        case _:
            return -1


def test_named_figures_are_those_of_their_promises(desk: Desk) -> None:
    every = desk.ground()
    for target, compliance, time in (
        ("first_response", "first_response_compliance", "response_time"),
        ("resolution", "resolution_compliance", "resolution_time"),
        ("follow_up", "follow_up_kept", None),
        ("team_answer", "hand_over_answered", None),
    ):
        wanted = desk.expected["targets"].get(target)
        if wanted is None:
            assert read(every, compliance) == Reading(None, 0)
            continue
        tickets = {
            each["ticket_id"]
            for each in desk.clocks
            if each["target"] == target and each["verdict"] in ("met", "breached")
        }
        assert read(every, compliance) == Reading(wanted["met"] / wanted["judged"], len(tickets))
        if time is not None:
            assert read(every, time).value == pytest.approx(wanted["elapsed_seconds"]["mean"], abs=1e-6)


def test_the_report_has_these_figures_and_each_ticket(desk: Desk) -> None:
    order = Order("quarterly", ALL, "en", Scope(), Audience("supervisor"), desk.as_of, 100_000)
    tables = {table.name: table for table in report(desk.views, order, QUALITY).tables}
    core = {row[0]: row for row in tables["core"].rows}
    for target, compliance, took, unit in (
        ("first_response", "First-response compliance (%)", "Average first response time (min)", minutes),
        ("resolution", "Resolution compliance (%)", "Average resolution time (h)", hours),
    ):
        wanted = desk.expected["targets"][target]
        assert core[compliance][1] == percent(wanted["met"] / wanted["judged"])
        assert core[took][1] == unit(wanted["elapsed_seconds"]["mean"])

    first = [each for each in desk.clocks if each["target"] == "first_response"]
    found = {row[0]: (row[3], row[4]) for row in tables["response-times"].rows}
    assert found == {
        each["ticket_id"]: (
            minutes(float(each["elapsed_seconds"])) if each["elapsed_seconds"] else None,
            "yes" if each["verdict"] == "met" else "no",
        )
        for each in first
        if each["verdict"] in ("met", "breached")
    }
    overdue = tables["overdue"].rows
    for target in desk.expected["targets"]:
        late = [row for row in overdue if row[1] == SPOKEN[target]]
        assert len(late) == desk.expected["targets"][target]["breached"]
        assert target not in ("first_response", "resolution") or all(isinstance(row[4], Decimal) for row in late)
