"""The arithmetic behind docs/scale.md, and how its tables come into the page."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

from scale import BEGINS, ENDS, PAGE, tables, written
from scale_measured import figures, kept, measured
from scale_plan import SIZES, Assumed, Size, cost, limits, plan
from scale_probe import probe

KNOWN = measured(kept())
ASSUMED = Assumed()


def test_ten_times_the_load_takes_ten_times_the_workers_memory_and_bytes() -> None:
    small, large = (plan(Size(10**n * 1e5, 10**n * 1e7, 50), KNOWN, ASSUMED) for n in (0, 1))
    for name in ("workers", "partitions", "memory", "done", "input", "changelog", "ledger", "kafka_disk", "alerts"):
        assert getattr(large, name) == pytest.approx(10 * getattr(small, name), rel=0.1), name


def test_survivors_of_a_zone_can_carry_the_load() -> None:
    for size in SIZES:
        of = plan(size, KNOWN, ASSUMED)
        survivors = of.workers - -(-of.workers // ASSUMED.zones)
        assert size.events * KNOWN.cpu / 1e6 < 0.8 * survivors


def test_a_cheaper_event_takes_fewer_workers_and_a_longer_retention_more_memory() -> None:
    size = SIZES[-1]
    now = plan(size, KNOWN, ASSUMED)
    assert plan(size, replace(KNOWN, cpu=KNOWN.cpu / 2), ASSUMED).workers == pytest.approx(now.workers / 2, abs=1)
    longer = plan(size, KNOWN, replace(ASSUMED, retention_days=30))
    assert longer.memory_done == pytest.approx(now.memory_done * 30 / 7)
    assert longer.workers == now.workers


def test_the_cost_is_the_sum_of_its_parts_and_follows_the_prices() -> None:
    of = plan(SIZES[0], KNOWN, ASSUMED)
    rows = cost(of, ASSUMED)
    whole = rows["in all"]
    assert sum(list(rows.values())[:5]) == pytest.approx(whole)
    dear = replace(
        ASSUMED,
        **{name: 2 * getattr(ASSUMED, name) for name in ASSUMED.__dataclass_fields__ if name.startswith("price")},
    )
    assert cost(of, dear)["in all"] == pytest.approx(2 * whole)


def test_a_limit_is_reached_where_all_of_it_is_used_up() -> None:
    of = plan(SIZES[-1], KNOWN, ASSUMED)
    shares = {limit.what: limit.share for limit in limits(of, ASSUMED, ASSUMED.group_record, 10.0, (60.0, 30.0))}
    assert shares["the record that keeps the group"] == 1
    assert shares["the leader's assignment, without a heartbeat"] == 1
    assert shares["a dead worker's partitions open again, open tickets alone"] == 1
    assert shares["a dead worker's partitions open again, done tickets too"] == 0.5


def test_each_figure_says_where_it_is_from_and_a_given_one_goes_first() -> None:
    assert all(figure.source for figure in figures().values())
    assert figures({"cpu": 25.0})["cpu"] == (25.0, "given")
    with pytest.raises(KeyError):
        figures({"cpus": 25.0})


def test_the_probe_measures_figures_that_there_are() -> None:
    rows = {str(row["what"]): float(str(row["value"])) for row in probe(tickets=40)}
    assert rows.keys() <= KNOWN.__dataclass_fields__.keys()
    assert rows.keys() | {"cpu", "base_bytes", "open_bytes", "state_bytes", "opening"} == figures().keys()
    assert all(value > 0 for name, value in rows.items() if not name.startswith("alert"))
    assert rows["changelog_bytes_busy"] < rows["changelog_bytes_quiet"]


def test_tables_take_the_place_of_those_before() -> None:
    page = f"words\n{BEGINS.format('a')}\nold\n{ENDS.format('a')}\nmore\n"
    assert written(page, {"a": "new"}) == f"words\n{BEGINS.format('a')}\nnew\n{ENDS.format('a')}\nmore\n"
    with pytest.raises(ValueError, match="no place for b"):
        written(page, {"b": "new"})


def test_the_page_has_a_place_for_every_table() -> None:
    small = tables(figures(), replace(ASSUMED, lanes=1, utilisation=0.9))
    assert written(PAGE.read_text("utf-8"), small)
