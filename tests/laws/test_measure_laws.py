"""Every figure over the ledger is what plain Python makes of its records, in any period, scope and grouping."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_records import START, records
from measure_oracle import Oracle, handler

from config.figures import FIGURES
from config.quality import Shift, default_quality
from reports.measures.figures import MEASURED
from reports.measures.ground import DIMENSIONS, Ground, Period, Scope
from reports.measures.response import kept
from reports.store.views import memory
from streams.instants import from_datetime

EQUAL = default_quality()
WEIGHED = replace(
    EQUAL,
    timezone="Europe/Rome",
    maximum=100,
    flag_below=61,
    criteria=tuple(
        replace(each, weight=weight) for each, weight in zip(EQUAL.criteria, (1500, 1, 333, 1000), strict=True)
    ),
    shifts=(Shift("night", 22 * 3600, 6 * 3600), Shift("day", 6 * 3600, 18 * 3600)),
)
QUALITIES = {"equal": EQUAL, "weighed": WEIGHED}
EDGES = [START + timedelta(hours=hours) for hours in (0, 96, 100, 240, 21 * 24)]
BY = [(), *((name,) for name in DIMENSIONS), ("day", "agent"), ("shift", "complexity")]
AGREES = {"rel": 1e-9, "abs": 1e-9}

drawn = st.tuples(
    st.integers(0, 2**32),
    st.sampled_from((0, 1, 2, 8, 16, 30)),
    st.sampled_from(("equal", "weighed")),
    st.sampled_from(EDGES),
)


def period(since: datetime, until: datetime) -> Period:
    return Period(from_datetime(since), from_datetime(until))


def same(found: dict[Any, Any], expected: dict[Any, Any]) -> bool:
    return found.keys() == expected.keys() and all(equal(found[key], expected[key]) for key in expected)


def equal(found: tuple[float | None, int], expected: tuple[float | None, int]) -> bool:
    value, tickets = found
    return tickets == expected[1] and (value == expected[0] or value == pytest.approx(expected[0], **AGREES))


def test_every_figure_that_has_a_name_is_measured() -> None:
    assert list(MEASURED) == list(FIGURES)


@settings(max_examples=25, deadline=None)
@given(drawn)
def test_every_figure_is_what_plain_python_makes_of_the_records(given_: tuple[int, int, str, datetime]) -> None:
    seed, count, named, since = given_
    random, quality = Random(seed), QUALITIES[named]
    made = records(random, count)
    until = since + timedelta(days=random.choice((1, 8, 30)))
    oracle = Oracle(made, since, until, quality)
    with memory(made) as connection, Ground(connection, period(since, until), Scope(), quality) as ground:
        for by in [(), *random.sample(BY[1:], 2)]:
            expected = oracle.figures(by)
            for name, measure in MEASURED.items():
                found = measure(ground, by)
                assert same(found, expected[name]), (name, by, found, expected[name])


@settings(max_examples=7, deadline=None)
@given(drawn, st.sampled_from(("team", "kind", "category", "priority", "channel")))
def test_a_scope_is_as_if_there_were_no_other_tickets_but_for_repeats(
    given_: tuple[int, int, str, datetime], name: str
) -> None:
    seed, count, named, _ = given_
    random, quality = Random(seed), QUALITIES[named]
    made = [replace_customer(record, number) for number, record in enumerate(records(random, count))]
    wanted = random.choice([getattr(record, name) for record in made if getattr(record, name)] or ["none"])
    chosen = [record for record in made if getattr(record, name) == wanted]
    since, until = EDGES[0], EDGES[-1]
    oracle = Oracle(chosen, since, until, quality)
    with memory(made) as connection:
        scope = Scope(**{name: wanted})
        with Ground(connection, period(since, until), scope, quality) as ground:
            expected = oracle.figures()
            for figure, measure in MEASURED.items():
                assert same(measure(ground, ()), expected[figure]), figure


@settings(max_examples=7, deadline=None)
@given(drawn)
def test_an_agents_own_figures_are_theirs_among_all(given_: tuple[int, int, str, datetime]) -> None:
    seed, count, named, since = given_
    random, quality = Random(seed), QUALITIES[named]
    made = records(random, count)
    every = period(since, EDGES[-1])
    with memory(made) as connection, Ground(connection, every, Scope(), quality) as together:
        for agent in {handler(record) for record in made} - {None}:
            with Ground(connection, every, Scope(agent=agent), quality) as own:
                for name, measure in MEASURED.items():
                    of_all = measure(together, ("agent",)).get((agent,))
                    if of_all is not None:
                        assert equal(measure(own, ())[()], of_all), name


@settings(max_examples=8, deadline=None)
@given(drawn)
def test_periods_that_follow_each_other_count_everything_once(given_: tuple[int, int, str, datetime]) -> None:
    seed, count, named, _ = given_
    random, quality = Random(seed), QUALITIES[named]
    made = records(random, count)
    with memory(made) as connection:

        def judged(since: datetime, until: datetime) -> int:
            with Ground(connection, period(since, until), Scope(), quality) as ground:
                return kept(ground, ("first_response", "resolution"))[()].judged

        edges = [*EDGES, datetime(2027, 1, 1, tzinfo=UTC)]
        assert sum(judged(*pair) for pair in pairwise(edges)) == judged(edges[0], edges[-1])


@settings(max_examples=15, deadline=None)
@given(drawn)
def test_quantiles_are_linear_between_the_closest_ranks(given_: tuple[int, int, str, datetime]) -> None:
    seed, count, named, since = given_
    random, quality = Random(seed), QUALITIES[named]
    made = records(random, count)
    until = EDGES[-1] + timedelta(days=30)
    things = Oracle(made, since, until, quality).clocks("first_response", "next_response")
    took = sorted(
        clock.elapsed_seconds for thing in things for clock in thing.what[4] if clock.elapsed_seconds is not None
    )
    with memory(made) as connection, Ground(connection, period(since, until), Scope(), quality) as ground:
        found = kept(ground, ("first_response", "next_response"))[()]
    assert (found.met, found.breached) == tuple(sum(thing.what[place] for thing in things) for place in (0, 1))
    for share, value in ((0.5, found.p50), (0.9, found.p90), (0.95, found.p95)):
        if not took:
            assert value is None
            continue
        low, rest = divmod(share * (len(took) - 1), 1)
        pair = took[int(low)], took[min(int(low) + 1, len(took) - 1)]
        assert value == pytest.approx(pair[0] + (pair[1] - pair[0]) * rest, **AGREES)


def replace_customer(record: Any, number: int) -> Any:
    """The ticket of a customer of its own, so that no ticket is a repeat of one out of scope."""
    record.customer_id = f"own-{number}"
    return record
