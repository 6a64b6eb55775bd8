"""Laws of digests: whatever crashes or stands still at whichever step, each alert is told once, or marked."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from notices import START
from storms import Crash, World, messages, seconds
from virtual_time import run_virtually

from agents.notifier.backoff import Backoff
from agents.notifier.http import Outcome, Result
from agents.notifier.limits import Pace
from agents.notifier.message import Message
from agents.notifier.storm import Storm
from config.destination_types import RateLimit
from streams.instants import MINUTE, SECOND, format_instant

Answers = Callable[[int], Result]
SENT = Result(Outcome.SENT)


def storm(over: int = 3) -> Storm:
    return Storm(over, gather=0.5, every=2.0)


def takes_all(_: int) -> Result:
    return SENT


def stumbles(attempt: int) -> Result:
    """The first is not taken, of the second nobody knows."""
    return {1: Result(Outcome.FAILED, "HTTP 500"), 2: Result(Outcome.UNKNOWN, "no answer")}.get(attempt, SENT)


def world(answers: Answers, *, durable: bool, count: int = 9) -> World:
    """A storm of messages, the last two of the same ticket as the first two; one is the monitor's own."""
    found = messages(count)
    found += [type(one)(one.alert, one.destination) for one in messages(1, alert_id="f" * 24, ticket_id="T-0")]
    found += messages(1, alert_id="e" * 24, level="operations", ticket_id="")
    return World(found, durable, storm=storm, answers=answers)


@pytest.mark.parametrize("durable", [True, False], ids=["redis", "memory"])
@pytest.mark.parametrize("answers", [takes_all, stumbles])
def test_a_notifier_killed_at_any_step_of_a_storm_leaves_each_alert_told_once_or_marked(
    answers: Answers, durable: bool
) -> None:
    async def killed(at: int) -> bool:
        site = world(answers, durable=durable)
        first = site.notifier(at=at)
        try:
            await first.run()
        except Crash:
            pass
        else:
            site.check(crashes=answers is stumbles)
            return False
        told = site.told()
        before = len(site.posts)
        await site.notifier().run()
        again = {key for post in site.posts[before:] for key in post.keys}
        assert not again & told, "its record said that it was told"
        site.check(crashes=1 + (answers is stumbles))
        return True

    at = 1
    while run_virtually(killed(at)):
        at += 1
    assert at > 50  # steps there were


@pytest.mark.parametrize("durable", [True, False], ids=["redis", "memory"])
@pytest.mark.parametrize("summed_up", [True, False], ids=["in a digest", "as cards"])
def test_what_a_killed_notifier_left_unknown_stays_so_wherever_the_next_one_is_killed(
    summed_up: bool, durable: bool
) -> None:
    """The first is killed when what it sent has arrived and is not on record."""

    async def left(at: int) -> World | None:
        """What a first one leaves behind that is killed at this step, if that is something unknown."""
        site = world(takes_all, durable=durable)
        site.storm = storm if summed_up else None
        with contextlib.suppress(Crash):
            await site.notifier(at=at).run()
        site.storm = storm
        unknown = {key for post in site.posts for key in post.keys} - site.told()
        return site if len(unknown) > 1 else None

    async def killed(first: int, at: int) -> bool:
        site = await left(first)
        assert site is not None
        crashes = 1
        try:
            await site.notifier(at=at).run()
        except Crash:
            crashes = 2
            told, before = site.told(), len(site.posts)
            await site.notifier().run()
            assert not {key for post in site.posts[before:] for key in post.keys} & told
        site.check(crashes=crashes)
        return crashes == 2

    first = next(at for at in range(1, 200) if run_virtually(left(at)) is not None)
    at = 1
    while run_virtually(killed(first, at)):
        at += 1
    assert at > 30


def test_a_notifier_that_stood_still_at_any_step_sends_nothing_that_another_took_over() -> None:
    """As when its host was suspended: it goes on where it stood, and knows of nothing."""

    async def stood_still(at: int) -> bool:
        site = world(takes_all, durable=True)
        first = site.notifier(at=at, stands_still=True)
        running = asyncio.create_task(first.run())
        stood = asyncio.create_task(first.stood.wait())
        await asyncio.wait([running, stood], return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            stood.cancel()
            await running
            site.check()
            return False
        await asyncio.sleep(30)
        await site.notifier().run()
        first.go_on.set()
        await running
        site.check(crashes=1)
        return True

    at = 1
    while run_virtually(stood_still(at)):
        at += 1
    assert at > 50


def test_a_storm_of_ten_thousand_in_a_minute_stays_within_the_rate_and_counts_every_alert() -> None:
    rate = RateLimit(20, MINUTE)

    async def blow() -> tuple[World, float]:
        site = World(messages(10_000), durable=True, pace=Pace(rate, 18))
        return site, await site.notifier().feed(0.006)

    site, took = run_virtually(blow())
    site.check()
    at = [post.at for post in site.posts]
    assert all(later - earlier >= 60 for earlier, later in zip(at, at[rate.count :], strict=False))
    assert len(site.posts) < 40
    assert took < 150
    digests = [post for post in site.posts if post.digest]
    assert sum(entry["count"] for post in digests for entry in post.message.alert.record["counts"]) == sum(
        len(post.keys) for post in digests
    )


def test_after_a_storm_single_cards_go_out_again() -> None:
    async def blow() -> World:
        site = World(messages(40), durable=True, pace=Pace(RateLimit(20, MINUTE), 10))
        one = site.notifier()
        await one.run(site.messages[:30])
        await asyncio.sleep(61)
        two = site.notifier()
        await two.run(site.messages[30:])
        return site

    site = run_virtually(blow())
    site.check()
    assert [len(post.keys) for post in site.posts] == [30] + [1] * 10


def test_what_was_held_is_summed_up_when_its_time_has_come_and_the_rest_passes() -> None:
    until = START + 3600 * SECOND

    async def quiet() -> World:
        site = World([*messages(5, hold=until), *messages(1, alert_id="a" * 24, ticket_id="T-77")], durable=True)
        await site.notifier().run()
        return site

    site = run_virtually(quiet())
    site.check()
    passed, summed = site.posts
    assert (len(passed.keys), passed.digest) == (1, None)
    assert passed.at < 1
    assert len(summed.keys) == 5
    assert 3600 <= summed.at < 3610
    assert summed.message.alert.record["since"] == format_instant(START)


def answered(one: Message) -> Message:
    return replace(one, became=replace(one.alert, kind="recovered", record={**one.alert.record, "kind": "recovered"}))


def test_what_was_answered_while_it_was_held_counts_as_answered_and_is_not_among_the_worst() -> None:
    until = START + 3600 * SECOND

    async def quiet() -> World:
        held = messages(5, hold=until)
        site = World([*map(answered, held[:3]), *held[3:]], durable=True)
        await site.notifier().run()
        return site

    site = run_virtually(quiet())
    site.check()
    (record,) = [post.message.alert.record for post in site.posts]
    assert {row["level"]: row["count"] for row in record["counts"]} == {"recovered": 3, "breach": 2}
    assert {each["alert_id"] for each in record["worst"]} == {one.alert.alert_id for one in site.messages[3:]}
    assert (record["since"], record["count"]) == (format_instant(START), 5)


def test_one_alone_that_was_held_is_a_card() -> None:
    async def quiet() -> World:
        site = World(messages(1, hold=START + 60 * SECOND), durable=True)
        await site.notifier().run()
        return site

    site = run_virtually(quiet())
    site.check()
    assert [(len(post.keys), post.digest) for post in site.posts] == [(1, None)]


def test_a_hundred_a_second_are_on_time_at_four_destinations_while_a_fifth_hangs_and_is_whole_after_it_heals() -> None:
    every, heals = 0.01, 30.0
    hung_latency = Result(Outcome.UNKNOWN, "no answer in time")

    def hangs(_: int) -> Result:
        return SENT if seconds() >= heals else hung_latency

    async def five() -> list[World]:
        pace = Pace(RateLimit(200, SECOND))
        sites = [World(messages(1000), durable=True, pace=pace, latency=ms / 1000) for ms in (20, 30, 40, 50)]
        sites.append(World(messages(1000), durable=True, pace=pace, answers=hangs, backoff=Backoff()))
        await asyncio.gather(*(site.notifier().feed(every) for site in sites))
        return sites

    *prompt, hung = run_virtually(five())
    for site in prompt:
        site.check()
        late = sorted(post.at + site.latency - every * int(key[:24], 16) for post in site.posts for key in post.keys)
        assert len(late) == 1000
        assert late[989] <= 1.0
    hung.check(crashes=len([post for post in hung.posts if post.at < heals]))
    assert sum(post.repeat for post in hung.posts) <= 10
    assert max(post.at for post in hung.posts) > heals
