"""From a ticket's events to a card that says what became of it: rules, intake, a lane, and a bot of Slack."""

import contextlib
from typing import Any

import msgspec
import pytest
from chat_services.slack import lock_screen
from judging import arrived
from kafka_io import created, event, replied
from notices import Clock, Rig, running_lane
from senders import KINDS, Site, presentation
from test_notifier_intake import Record
from waiting import eventually

from agents.notifier.card import Presentation
from agents.notifier.http import Outcome, Result
from agents.notifier.intake import Intake
from agents.notifier.progress import Partition
from config.policies import default_policies
from config.routes import Route, Routing
from streams.alert_record import Alert
from streams.alerts import Gate, ring
from streams.instants import DAY, MINUTE, SECOND, parse_instant

BEGUN = parse_instant("2026-03-02T10:00:00Z")
POLICIES = default_policies()
EVERYTHING = Routing({}, (Route({}, (), ("bot",)),))
NOTHING = Routing({}, (Route({}, (), ()),))


def running_bot(
    site: Site, look: Presentation | None = None, **more: Any
) -> contextlib.AbstractAsyncContextManager[Rig]:
    return running_lane(site.sender(look), clock=site.clock, name="bot", **more)


class Desk:
    """A ticket with an urgent customer, and a notifier's way for what is announced of it."""

    def __init__(self, rig: Rig, routing: Routing = EVERYTHING) -> None:
        self.ticket, _ = arrived([created("T-1", BEGUN, priority="urgent", channel="chat")], POLICIES)
        self.rig = rig
        self.intake = Intake(routing, {"bot": rig.lane}, rig.metrics)
        self.intake.partitions[0] = self.partition = Partition()

    async def at(self, minute: int, *events: object) -> list[Alert]:
        """Events have come by so many minutes after the creation; what is announced is dealt with."""
        arrived(events, POLICIES, self.ticket)  # type: ignore[arg-type]  # as their makers give them
        now = BEGUN + minute * MINUTE
        alerts = [alert for _, alert in ring("T-1", self.ticket, POLICIES, Gate(now, now, SECOND, DAY))]
        self.rig.clock.now = now
        await self.deal(alerts)
        return alerts

    async def deal(self, alerts: list[Alert]) -> None:
        values = [msgspec.json.encode(alert) for alert in alerts]
        first = self.partition.position or 0
        self.intake.take(self.partition, [Record(first + n, value) for n, value in enumerate(values)])
        await eventually(lambda: not len(self.rig.lane), what="all of it is dealt with")


@pytest.mark.parametrize(
    ("language", "titles", "taken"),
    [
        (
            "en",
            (
                "BREACH first response overdue 1m: ticket T-1 (urgent, chat) limit 15m",
                "ACKNOWLEDGED first response taken by a17: ticket T-1 (urgent, chat) limit 15m",
                "RECOVERED first response answered after 23m: ticket T-1 (urgent, chat) limit 15m",
            ),
            "acknowledged by: a17",
        ),
        (
            "zh",
            (
                "【超时】首次响应 已超时1分钟：工单 T-1 （urgent、chat） 时限15分钟",
                "【已确认】首次响应 由a17处理：工单 T-1 （urgent、chat） 时限15分钟",
                "【已恢复】首次响应 已在23分钟后答复：工单 T-1 （urgent、chat） 时限15分钟",
            ),
            "确认人：a17",
        ),
    ],
)
async def test_the_card_itself_says_who_took_it_and_after_how_long_it_was_answered(
    language: str, titles: tuple[str, str, str], taken: str
) -> None:
    clock = Clock(BEGUN)
    async with Site(KINDS["slack-bot"], clock) as site, running_bot(site, presentation(language)) as rig:
        desk = Desk(rig)
        (breach,) = [alert for alert in await desk.at(16) if alert.level == "breach"]
        (card,) = [one for one in site.fake.taken if lock_screen(one) == titles[0]]
        place = site.fake.taken.index(card)
        number = len(site.fake.taken)
        ack = event("alert_acknowledged", "T-1", BEGUN + 20 * MINUTE, alert_id=breach.alert_id, by="a17")
        for minute, happened, title in ((20, ack, titles[1]), (23, replied("T-1", BEGUN + 23 * MINUTE), titles[2])):
            await desk.at(minute, happened)
            assert lock_screen(site.fake.taken[place]) == title
            assert taken in str(site.fake.taken[place]["blocks"])
        assert len(site.fake.taken) == number, "nobody got a message more"
        assert rig.counted("failed") == 0


async def test_what_is_read_again_by_another_notifier_changes_nothing_twice() -> None:
    clock = Clock(BEGUN)
    async with Site(KINDS["slack-bot"], clock) as site, running_bot(site) as rig:
        desk = Desk(rig)
        alerts = await desk.at(16) + await desk.at(23, replied("T-1", BEGUN + 23 * MINUTE))
        calls = len(site.fake.posts)
        await desk.deal(alerts)
        assert len(site.fake.posts) == calls


async def test_where_no_message_tells_of_it_nothing_is_sent_and_nothing_recorded() -> None:
    clock = Clock(BEGUN)
    async with Site(KINDS["slack-bot"], clock) as site, running_bot(site) as rig:
        desk = Desk(rig, NOTHING)
        await desk.at(16)
        assert [alert.kind for alert in await desk.at(23, replied("T-1", BEGUN + 23 * MINUTE))] == ["recovered"]
        assert (site.fake.posts, rig.outcomes.deliveries) == ([], [])
        assert desk.partition.committable() == desk.partition.position


async def test_a_message_that_may_not_be_changed_is_told_nobody_anew_and_the_destination_counts_as_well() -> None:
    clock, heard = Clock(BEGUN), []

    def attempted(name: str, result: Result) -> None:
        heard.append(result.outcome)

    async with Site(KINDS["slack-bot"], clock) as site, running_bot(site, attempted=attempted) as rig:
        desk = Desk(rig)
        await desk.at(16)
        del site.fake.taken[:]  # somebody deleted the message
        await desk.at(23, replied("T-1", BEGUN + 23 * MINUTE))
        assert site.fake.taken == []
        assert set(heard) == {Outcome.SENT}
        assert rig.outcomes.deliveries[-1].state == "failed"
        assert "message_not_found" in str(rig.outcomes.deliveries[-1].error)
