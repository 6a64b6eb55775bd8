"""Chats that misbehave, each in its way and all at once: the well one is told on time, the others once they heal."""

from __future__ import annotations

import asyncio
import ssl
import statistics
from typing import TYPE_CHECKING, Any

import pytest
from alerting import Alerting, marked
from certificates import Authority
from command_line import SLAWATCH
from fake_chat import FakeChat, answers, breaks_off, drops, hangs, redirects, trickles
from waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Figures
    from fake_chat import Answer
    from processes import Program

SOON = 20.0  # seconds for a process to do what is asked, on a busy machine
TAKEOVER = 20.0  # seconds until another notifier has what a killed one was sending: session timeout and lease
LARGE = "x" * (10 << 20)

# What is known to be not taken, and is tried again unmarked; the kind is that of the chat.
NOT_TAKEN: dict[str, tuple[str, Answer]] = {
    "throttled": ("webhook", answers(429, Retry_After="1")),
    "broken": ("webhook", answers(500, "boom")),
    "broken-at-length": ("webhook", answers(503, LARGE)),
    "apologetic": ("slack", answers(200, '{"ok": false, "error": "invalid_token"}')),
    "apologetic-at-length": ("slack", answers(200, LARGE)),
}
# What may have been taken; tried again marked.
UNKNOWN: dict[str, tuple[str, Answer]] = {
    "hanging": ("webhook", hangs),
    "slow": ("slack", trickles),
    "dropping": ("webhook", drops),
    "breaking-off": ("webhook", breaks_off),
    "behind-a-gateway": ("webhook", answers(504)),
}
WELL = ("well", "well-slack")


class Chats:
    """A chat of many channels, one that refuses connections, and one whose certificate nobody knows."""

    def __init__(self, alerting: Alerting, folder: Path) -> None:
        self.alerting = alerting
        ours, self._stranger = Authority(folder, "ours"), Authority(folder, "stranger")
        self._good = ours.issue("good")
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        strange = self._stranger.issue("strange")
        self.tls.load_cert_chain(strange.certificate, strange.key)
        self.refusing, self.unknown_ca = FakeChat(), FakeChat(tls=self.tls)
        # The notifiers trust our authority beside those of the system.
        alerting.house.program = ("env", f"SSL_CERT_FILE={ours.file}", SLAWATCH)

    def destinations(self, nowhere: str) -> dict[str, Any]:
        webhook = self.alerting.webhook
        usual = {name: webhook(name, kind, timeout="1s") for name, (kind, _) in (NOT_TAKEN | UNKNOWN).items()}
        return usual | {
            "well": webhook("well"),
            "well-slack": webhook("well-slack", "slack"),
            "redirecting": webhook("redirecting"),
            "refusing": webhook("") | {"url": self.refusing.url("/desk")},
            "unknown-ca": webhook("") | {"url": self.unknown_ca.url("/desk")},
            "nowhere": webhook("") | {"url": nowhere},
        }

    def misbehave(self) -> None:
        for name, (_, answer) in (NOT_TAKEN | UNKNOWN).items():
            self.alerting.chat.always(f"/{name}", answer)
        self.alerting.chat.always("/redirecting", redirects(self.alerting.chat.url("/elsewhere")))

    async def heal(self) -> dict[str, int]:
        """How many posts each channel had until then."""
        before = {name: len(self.alerting.chat.to(f"/{name}")) for name in NOT_TAKEN | UNKNOWN}
        for name in before:
            self.alerting.chat.heal(f"/{name}")
        await self.refusing.accept()
        self.tls.load_cert_chain(self._good.certificate, self._good.key)
        return before


async def counted(metric: str, destination: str, *notifiers: Program) -> int:
    return int(sum([await notifier.metric(metric, destination=destination) for notifier in notifiers]))


@pytest.mark.timeout(1800)
async def test_chats_that_misbehave_hold_up_no_other_and_have_every_alert_once_they_heal(
    kafka: str, redis_url: str, unique: str, tmp_path: Path, full: bool, figures: Figures
) -> None:
    """Two notifiers; one is killed -9 in the middle. What may have arrived before is marked, and counted."""
    rate, seconds = (10, 60.0) if full else (5, 8.0)
    async with Alerting(kafka, unique, tmp_path, redis=redis_url) as alerting:
        chats = Chats(alerting, tmp_path)
        await chats.unknown_ca.__aenter__()
        alerting.route(chats.destinations(nowhere="http://nowhere.invalid/desk"))
        chats.misbehave()
        notifiers = [alerting.notifier("n1"), alerting.notifier("n2")]
        for notifier in notifiers:
            await notifier.ready()

        async with alerting.storm(rate):
            await asyncio.sleep(seconds)
        await alerting.all_arrived(SOON, *WELL)
        late = sorted(seconds for name in WELL for seconds in alerting.once_each(name).late.values())
        assert statistics.median(late) < 1, late
        assert statistics.quantiles(late, n=20)[-1] < 2, late[-10:]

        # Each attempt whose result is unknown is counted, and each further one is marked and counted.
        repeats = ambiguous = 0
        for name in UNKNOWN:

            async def as_in_the_chat(name: str = name) -> tuple[int, int]:
                posts = alerting.chat.to(f"/{name}")
                repeated = await counted("sla_notifier_repeated_total", name, *notifiers)
                unknown = await counted("sla_notifier_ambiguous_total", name, *notifiers)
                assert (repeated, unknown) == (sum(map(marked, posts)), len(posts))
                assert repeated > 0
                return repeated, unknown

            repeated, unknown = await eventually(as_in_the_chat, SOON, every=0.05, what=f"counts of {name}")
            repeats, ambiguous = repeats + repeated, ambiguous + unknown
        definite = [*NOT_TAKEN, "refusing", "unknown-ca", "nowhere"]
        for name in definite:
            assert await counted("sla_notifier_retried_total", name, *notifiers) > 0, name
            assert await counted("sla_notifier_ambiguous_total", name, *notifiers) == 0, name
            assert not any(map(marked, alerting.chat.to(f"/{name}")))

        async with alerting.storm(rate):
            await asyncio.sleep(1)
            notifiers[0].kill()
            await asyncio.sleep(seconds / 2)
        await alerting.all_arrived(TAKEOVER + SOON, *WELL)
        latest = max(alerting.once_each(name).latest for name in WELL)

        before = await chats.heal()
        notifiers[0] = alerting.notifier("n1")
        if full:  # by themselves, after their longest patience
            others = [*NOT_TAKEN, *UNKNOWN]
            await alerting.all_arrived(600, *others)
        # A name that does not exist is mended in the routing file; with the restart, all begin to try afresh.
        alerting.route(chats.destinations(nowhere=alerting.chat.url("/nowhere")))
        for number, notifier in enumerate(notifiers):
            await notifier.ready()
            assert await notifier.stop() == 0
            notifiers[number] = alerting.notifier(f"n{number + 1}")
        await alerting.all_arrived(TAKEOVER + 60, *NOT_TAKEN, *UNKNOWN, "nowhere")
        await alerting.house.delivered(TAKEOVER + 60)

        marks = 0
        for name in UNKNOWN:
            marks += alerting.once_each(name).repeats
        assert marks >= repeats
        taken = {name: alerting.chat.to(f"/{name}")[before[name] :] for name in NOT_TAKEN}
        taken |= {"nowhere": alerting.chat.to("/nowhere"), "unknown-ca": chats.unknown_ca.posts}
        taken["refusing"] = chats.refusing.posts
        for name in definite:
            told = alerting.once_each(name, taken[name])
            assert told.repeats <= 1, name  # what the killed one was trying
            assert told.posts <= told.alerts + told.repeats
            assert (await alerting.ends(name)).keys() == {"sent"}
        assert await alerting.ends("redirecting") == {"failed": len(alerting.written)}
        assert not alerting.chat.to("/elsewhere")
        for closing in (chats.refusing, chats.unknown_ca):
            await closing.__aexit__(None, None, None)
        figures(
            fault="Chats that throttle, fail, hang, drip, break off, lie, refuse; TLS, DNS; a notifier killed",
            shown="The well ones are told on time; the others have every alert once they heal, repeats marked.",
            misbehaving=len(definite) + len(UNKNOWN) + 1,
            alerts=len(alerting.written),
            well_p50=f"{statistics.median(late):.2f} s",
            well_max=f"{late[-1]:.2f} s",
            well_max_with_a_notifier_killed=f"{latest:.1f} s",
            attempts_of_unknown_result=ambiguous,
            marked_repeats_in_the_chat=repeats,
            marked_repeats_counted=repeats,
        )
