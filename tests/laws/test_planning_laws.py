"""Laws of the simulated desk: it agrees with Erlang C and A, judges as tickets are judged, and loses nobody."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.policies import read_policy_text
from streams.instants import HOUR, MINUTE, SECOND
from streams.planning import desk
from streams.planning.demand import Kind, Stream, Work
from streams.planning.estimates import estimate
from streams.planning.simulation import simulate
from streams.planning.slots import SLOT, Slots
from streams.staffing import asa, erlang_c, service_level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.policies import Policies

AHT = 180 * SECOND
SEED = 20  # a simulation that is off by chance is off for everybody: these are chosen once


class Call:
    """A contact that remembers how long it waited; work and patience are exponential."""

    rank = due = 0

    def __init__(self, at: int, random: Random, patience: float | None, log: list[int | None]) -> None:
        self.at = at
        self.waits_since: int | None = None
        self._random = random
        self._patience = patience
        self._log = log

    def patience(self) -> int | None:
        return None if self._patience is None else round(self._random.expovariate(1 / self._patience))

    def left(self, at: int) -> None:
        self._log.append(None)

    def taken(self, at: int) -> int:
        self._log.append(at - self.at)
        return round(self._random.expovariate(1 / AHT))

    def done(self, at: int) -> int | None:
        return None

    def back(self, at: int) -> None:
        raise AssertionError("calls do not come back")


def waits(load: float, agents: int, hours: int, seed: int, patience: float | None = None) -> list[int | None]:
    """How long each call waited, in the order in which they were taken; None: it hung up."""
    random = Random(seed)
    log: list[int | None] = []
    slots = Slots(0, hours * HOUR // SLOT)

    def calls() -> Iterator[tuple[int, desk.Case]]:
        at = 0.0
        while (at := at + random.expovariate(load / AHT)) < slots.end:
            yield int(at), Call(int(at), random, patience, log)

    desk.run(calls(), [agents] * slots.count, slots)
    return log


def within(found: list[float], truth: float, share: float = 0.02) -> None:
    """The mean is within a share of the truth, and the truth in the confidence interval, widened for many tests."""
    said = estimate(found)
    assert said is not None
    assert said.give is not None
    assert said.mean == pytest.approx(truth, rel=share), said
    assert abs(said.mean - truth) < 2 * said.give, said


@pytest.mark.parametrize(("load", "agents", "hours"), [(10, 13, 1500), (1, 2, 5_000)])
def test_a_desk_of_calls_is_as_erlang_c_has_it(load: float, agents: int, hours: int) -> None:
    runs = [[wait for wait in waits(load, agents, hours, SEED + n) if wait is not None] for n in range(5)]
    target = 20 * SECOND
    within([sum(wait > 0 for wait in run) / len(run) for run in runs], erlang_c(load, agents))
    within([sum(wait <= target for wait in run) / len(run) for run in runs], service_level(load, agents, AHT, target))
    within([sum(run) / len(run) for run in runs], asa(load, agents, AHT))


@pytest.mark.parametrize(("load", "agents"), [(12.0, 10), (9.0, 10)])
def test_a_desk_of_impatient_callers_is_as_erlang_a_has_it(load: float, agents: int) -> None:
    patience, target = 2.0 * MINUTE, 30 * SECOND
    runs = [waits(load, agents, 300, SEED + n, patience) for n in range(5)]
    served = [sum(wait is not None and wait <= target for wait in run) / len(run) for run in runs]
    within(served, service_level(load, agents, AHT, target, patience))


def policies(text: str) -> Policies:
    return read_policy_text(f"version: 1\n{text}".encode(), "policies").policies


PROMPT = policies("policies: [{name: all, targets: {first_response: {limit: 20s}, resolution: {limit: 10m}}}]\n")


def test_the_promises_kept_at_a_live_desk_are_erlangs_service_level() -> None:
    slots = Slots(0, 48 * 7)
    stream = Stream(Kind("t", "chat"), [10 * SLOT / AHT] * slots.count, Work(AHT, 1.0), live=True)
    runs = [simulate([stream], PROMPT, [13] * slots.count, slots, SEED + n) for n in range(6)]
    kept = [run.targets["first_response"].compliance for run in runs]
    within([share for share in kept if share is not None], service_level(10, 13, AHT, 20 * SECOND))
    for run in runs:
        answers = run.targets["first_response"]
        assert (sum(tally.met for tally in run.answers), sum(tally.breached for tally in run.answers)) == (
            answers.met,
            answers.breached,
        )


# A desk by hand: what may come, who is there, and every possible course of it.

DESKS = st.tuples(
    st.lists(st.tuples(st.integers(0, 4 * 30), st.integers(0, 90), st.booleans()), max_size=40),
    st.lists(st.integers(0, 3), min_size=4, max_size=4),
)


class Piece:
    """A contact with its work, in minutes, that keeps what happened to it; `again`: it comes back once."""

    rank = 1

    def __init__(self, at: int, minutes: int, again: bool) -> None:
        self.at = self.due = at
        self.work = minutes * MINUTE
        self.again = again
        self.waits_since: int | None = None
        self.story: list[tuple[str, int]] = [("waits", at)]

    def patience(self) -> int | None:
        return None

    def left(self, at: int) -> None:
        raise AssertionError("nobody leaves")

    def taken(self, at: int) -> int:
        self.story.append(("taken", at))
        return self.work

    def done(self, at: int) -> int | None:
        self.story.append(("done", at))
        if self.again:
            self.again = False
            return at + 7 * MINUTE
        return None

    def back(self, at: int) -> None:
        self.due = at
        self.story.append(("waits", at))


@given(DESKS)
def test_nobody_is_lost_overtaken_or_served_by_more_agents_than_there_are(
    drawn: tuple[list[tuple[int, int, bool]], list[int]],
) -> None:
    contacts, staff = drawn
    pieces = [Piece(at * MINUTE, minutes, again) for at, minutes, again in sorted(contacts) if at < 120]
    slots = Slots(0, 4)
    seen = desk.run(((piece.at, piece) for piece in pieces), staff, slots)

    def at_end(number: int, state: str) -> int:
        """Contacts that are in a state at the end of a half-hour."""
        end = (number + 1) * SLOT
        told = [[what for what, at in piece.story if at < end or (at == end and what == "done")] for piece in pieces]
        return sum(bool(story) and story[-1] == state for story in told)

    moments = sorted({at for piece in pieces for _, at in piece.story})
    for number in range(4):
        if (number + 1) * SLOT not in moments:  # at one instant the order is nobody's business
            assert seen.waiting[number] == at_end(number, "waits")
    taken = [(at, piece.work) for piece in pieces for what, at in piece.story if what == "taken"]
    for at, _ in taken:
        assert sum(began <= at < began + work for began, work in taken) <= staff[at // SLOT]
    for number in range(4):  # an agent is never idle while somebody waits
        inside = number * SLOT + SLOT // 2 + 1
        told = [[what for what, at in piece.story if at <= inside] for piece in pieces]
        waiting = sum(bool(story) and story[-1] == "waits" for story in told)
        working = sum(bool(story) and story[-1] == "taken" for story in told)
        assert waiting == 0 or working >= staff[number]
    first = [(at, piece.at) for piece in pieces for what, at in piece.story[:2] if what == "taken"]
    assert [came for _, came in sorted(first)] == sorted(came for _, came in first)
