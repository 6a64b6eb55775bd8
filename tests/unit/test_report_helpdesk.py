"""The report of a real help desk's whole log: the figures and tickets that an independent program worked out."""

import csv
import gzip
import json
from datetime import date
from decimal import Decimal

import pytest
from shared import shared_dir

from agents.report_source import judged
from config.quality import default_quality
from reports.measures.ground import Scope
from reports.pages.audience import Audience
from reports.pages.document import hours, minutes, percent
from reports.pages.periods import Days
from reports.pages.report import Order, report
from streams.instants import parse_instant

ALL = Days(date(2010, 1, 1), date(2014, 12, 31))


@pytest.mark.parametrize("name", ["default", "office"])
def test_figures_and_response_times_are_those_worked_out_elsewhere(name: str) -> None:
    folder = shared_dir() / "data" / "helpdesk"
    expected = json.loads((folder / "expected" / f"{name}.json").read_text())
    as_of = parse_instant(expected["as_of"])
    order = Order("quarterly", ALL, "en", Scope(), Audience("supervisor"), as_of, 10_000)
    with judged(folder / "events.jsonl.gz", folder / "policies" / f"{name}.yaml", as_of) as views:
        made = report(views, order, default_quality())
    tables = {table.name: table for table in made.tables}

    core = {row[0]: row for row in tables["core"].rows}
    for target, compliance, took, unit in (
        ("first_response", "First-response compliance (%)", "Average first response time (min)", minutes),
        ("resolution", "Resolution compliance (%)", "Average resolution time (h)", hours),
    ):
        wanted = expected["targets"][target]
        judged_count = wanted["judged"]
        assert core[compliance][1] == percent(wanted["met"] / judged_count)
        assert core[compliance][6] == judged_count
        assert core[took][1] == unit(wanted["elapsed_seconds"]["mean"])

    with gzip.open(folder / "expected" / f"{name}.clocks.csv.gz", "rt") as lines:
        clocks = [row for row in csv.DictReader(lines) if row["target"] == "first_response"]
    found = {row[0]: (row[3], row[4]) for row in tables["response-times"].rows}
    assert found == {
        row["ticket_id"]: (
            minutes(float(row["elapsed_seconds"])) if row["elapsed_seconds"] else None,
            "yes" if row["verdict"] == "met" else "no",
        )
        for row in clocks
        if row["verdict"] in ("met", "breached")
    }
    late = [row for row in tables["overdue"].rows if row[1] == "first response"]
    assert len(late) == sum(row["verdict"] == "breached" for row in clocks)
    assert all(isinstance(row[4], Decimal) for row in late)
