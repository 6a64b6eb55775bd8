"""Many alerts at once, on a real Kafka and Redis: on time within the limits, summed up beyond them, none uncounted."""

from __future__ import annotations

import statistics
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from alerting import Alerting, marked
from fake_chat import after, hangs
from waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from fake_chat import Post

SOON = 60.0  # seconds, on a busy machine
PROMPT = {"a": 0.02, "b": 0.03, "c": 0.04, "d": 0.05}
"""Channels, and the seconds they take to answer."""


@pytest.mark.alone
async def test_a_thousand_alerts_in_ten_seconds_reach_four_on_time_and_the_fifth_when_it_heals(
    kafka: str, redis_url: str, unique: str, tmp_path: Path
) -> None:
    """The notifier is killed while the fifth hangs: none but what cannot be known is repeated, and that is marked."""
    async with Alerting(kafka, unique, tmp_path, redis=redis_url) as alerting:
        alerting.route({name: alerting.webhook(name) for name in (*PROMPT, "hung")})
        for name, seconds in PROMPT.items():
            alerting.chat.always(f"/{name}", after(seconds))
        alerting.chat.always("/hung", hangs)
        notifier = await alerting.notifier("n1").ready()
        async with alerting.storm(100):
            await eventually(lambda: len(alerting.written) >= 1000, timeout=30)
        await alerting.all_arrived(SOON, *PROMPT)
        for name in PROMPT:
            told = alerting.once_each(name)
            assert told.repeats == 0
            assert statistics.quantiles(told.late.values(), n=100)[98] <= 1.0

        notifier.kill()
        alerting.chat.heal("/hung")
        await alerting.notifier("n2").ready()
        await alerting.all_arrived(SOON, "hung", *PROMPT)
        told = alerting.once_each("hung")
        assert told.repeats <= 10
        for name in PROMPT:
            assert alerting.once_each(name).repeats == 0


def alerts_of(post: Post) -> list[str]:
    """The alerts that a post tells of."""
    return post.body["alert_ids"] if post.body["kind"] == "digest" else [post.body["alert_id"]]


async def test_a_storm_stays_within_the_rate_across_notifiers_and_every_alert_is_counted_through_a_kill(
    kafka: str, redis_url: str, unique: str, tmp_path: Path
) -> None:
    async with Alerting(kafka, unique, tmp_path, redis=redis_url) as alerting:
        alerting.route({"desk": alerting.webhook("desk", rate_limit="20/m")})
        notifiers = [alerting.notifier(name) for name in ("n1", "n2")]
        for notifier in notifiers:
            await notifier.ready()
        await alerting.alert(1500)
        await eventually(lambda: any(len(alerts_of(post)) > 1 for post in alerting.chat.to("/desk")), timeout=SOON)
        notifiers[0].kill()
        await alerting.alert(500)

        def whole() -> bool:
            told = {alert for post in alerting.chat.to("/desk") for alert in alerts_of(post)}
            return told == alerting.written.keys()

        await eventually(whole, timeout=180)
        posts = alerting.chat.to("/desk")
        unmarked = Counter(alert for post in posts if not marked(post) for alert in alerts_of(post))
        assert max(unmarked.values()) == 1
        assert all(later.at - earlier.at > 59 for earlier, later in zip(posts, posts[20:], strict=False))

        async def recorded() -> bool:
            ends = {alert: found[-1] for alert, found in (await alerting.deliveries())["desk"].items()}
            digests = {one.alert_id for one in ends.values() if one.kind == "digest" and one.state == "sent"}
            assert alerting.written.keys() <= ends.keys()
            for alert in alerting.written:
                assert ends[alert].state in ("sent", "digested")
                assert ends[alert].state == "sent" or ends[alert].digest in digests
            return True

        await eventually(recorded, timeout=SOON)
