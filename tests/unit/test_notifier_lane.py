"""One destination: what is sent, put off, given up and repeated, in which order, and what is recorded of it."""

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from fake_chat import FakeChat, answers, drops, hangs
from notices import QUICK, START, Clock, MemoryLog, Scripted, alert_record, message, running_lane
from waiting import eventually

from agents.notifier.backlog import Backlog
from agents.notifier.backoff import Backoff
from agents.notifier.claims import Claim, ClaimsUnavailable, Held, MemoryClaims
from agents.notifier.http import Outcome, Result, open_session
from agents.notifier.lane import UNRECORDED
from agents.notifier.limits import MemoryLimits, Pace, Wait
from agents.notifier.message import Delivery, Message
from agents.notifier.progress import Job, Partition
from agents.notifier.references import References
from agents.notifier.senders.webhook import WebhookSender
from agents.notifier.storm import Storm
from config.destination_types import RateLimit
from streams.instants import HOUR, MINUTE, SECOND, format_instant

SENT, REFUSED = Result(Outcome.SENT), Result(Outcome.REFUSED, "HTTP 404")
FAILED, UNKNOWN = Result(Outcome.FAILED, "HTTP 500"), Result(Outcome.UNKNOWN, "no answer in time")


def alert_id(number: int = 1) -> str:
    return str(alert_record(number)["alert_id"])


async def test_a_message_is_sent_once_and_recorded() -> None:
    sender = Scripted([SENT])
    async with running_lane(sender) as rig:
        rig.put(message(), offset=7)
        rig.partition.position = 8
        await eventually(lambda: rig.partition.committable() == 8)
        rig.put(message(), offset=8)  # the record read again
        rig.partition.position = 9
        await eventually(lambda: rig.partition.committable() == 9)
    assert sender.sent == [("T-1", False)]
    assert rig.outcomes.ends() == [(alert_id(), "sent", False)]
    assert rig.counted("sent") == 1
    assert b'sla_notifier_deadline_to_chat_seconds_sum{destination="desk"} 120.0' in rig.exposed()


async def test_a_definite_failure_is_tried_again_and_not_marked() -> None:
    sender = Scripted([FAILED, FAILED, SENT])
    async with running_lane(sender) as rig:
        rig.put(message())
        await eventually(rig.outcomes.ends)
    assert sender.sent == [("T-1", False)] * 3
    assert rig.outcomes.ends() == [(alert_id(), "sent", False)]
    assert rig.outcomes.deliveries[-1].attempts == 3
    assert (rig.counted("retried"), rig.counted("repeated")) == (2, 0)


async def test_after_an_unknown_result_every_further_attempt_is_marked_and_counted() -> None:
    sender = Scripted([FAILED, UNKNOWN, FAILED, SENT])
    async with running_lane(sender) as rig:
        rig.put(message())
        await eventually(lambda: rig.counted("sent") and not len(rig.lane))
    assert sender.sent == [("T-1", False), ("T-1", False), ("T-1", True), ("T-1", True)]
    assert [(delivery.state, delivery.repeat) for delivery in rig.outcomes.deliveries] == [
        ("sending", False),
        ("put_off", False),
        ("sending", False),
        ("ambiguous", False),
        ("sending", True),
        ("ambiguous", True),
        ("sending", True),
        ("sent", True),
    ]
    assert (rig.counted("ambiguous"), rig.counted("repeated"), rig.counted("sent")) == (1, 2, 1)


async def test_what_is_refused_for_good_is_recorded_and_the_next_one_sent() -> None:
    sender = Scripted([REFUSED, SENT])
    async with running_lane(sender) as rig:
        rig.put(message(1))
        rig.put(message(2))
        await eventually(lambda: len(rig.outcomes.ends()) == 2)
    assert rig.outcomes.ends() == [(alert_id(1), "failed", False), (alert_id(2), "sent", False)]
    assert [delivery.error for delivery in rig.outcomes.deliveries if delivery.error] == ["HTTP 404"]
    assert rig.counted("failed") == 1


@pytest.mark.parametrize(("result", "end"), [(FAILED, "expired"), (UNKNOWN, "ambiguous")])
async def test_a_destination_down_until_an_alert_is_too_old_leaves_a_record_of_it(result: Result, end: str) -> None:
    clock = Clock()
    sender = Scripted([result])
    async with running_lane(sender, clock=clock) as rig:
        rig.put(message())
        await eventually(lambda: len(sender.sent) >= 3)
        clock.now += HOUR + SECOND
        await eventually(lambda: rig.counted("expired") == 1)
        await eventually(lambda: not len(rig.lane))
    assert rig.outcomes.ends()[-1][:2] == (alert_id(), end)


async def test_retry_after_holds_the_whole_destination() -> None:
    sender = Scripted([Result(Outcome.FAILED, "HTTP 429", retry_after=400_000), SENT])
    loop = asyncio.get_running_loop()
    async with running_lane(sender) as rig:
        before = loop.time()
        rig.put(message(1))
        rig.put(message(2))
        await eventually(lambda: len(rig.outcomes.ends()) == 2)
        assert loop.time() - before >= 0.4
    assert sender.sent == [("T-1", False), ("T-1", False), ("T-2", False)]


async def test_the_rate_limit_is_kept() -> None:
    sender = Scripted([SENT])
    loop = asyncio.get_running_loop()
    async with running_lane(sender, pace=Pace(RateLimit(2, 200_000))) as rig:
        before = loop.time()
        for number in range(6):
            rig.put(message(number))
        await eventually(lambda: len(rig.outcomes.ends()) == 6)
        assert loop.time() - before >= 0.4


async def test_a_message_that_keeps_failing_lets_other_tickets_pass_and_its_own_ticket_wait() -> None:
    class Poisoned:
        """Takes everything but the raised alert of T-1, until told otherwise."""

        def __init__(self) -> None:
            self.taken: list[tuple[str, str]] = []
            self.healed = False

        async def send(self, message: Message, *, repeat: bool) -> Result:
            alert = message.alert
            if alert.ticket == "T-1" and alert.kind == "raised" and not self.healed:
                return FAILED
            self.taken.append((alert.ticket, alert.kind))
            return SENT

    sender = Poisoned()
    async with running_lane(sender, backoff=Backoff(first=0.01, cap=0.01, patience=2, aside=0.05)) as rig:
        for one in (message(1), message(1, kind="corrected"), message(2), message(3)):
            rig.put(one)
        await eventually(lambda: len(sender.taken) == 2)
        assert sender.taken == [("T-2", "raised"), ("T-3", "raised")]
        sender.healed = True
        await eventually(lambda: len(sender.taken) == 4)
        assert sender.taken[2:] == [("T-1", "raised"), ("T-1", "corrected")]


async def test_the_order_is_kept_through_failures(seed: int) -> None:
    sender = Scripted([FAILED, SENT, UNKNOWN, SENT, FAILED, FAILED, SENT])
    async with running_lane(sender) as rig:
        for number in range(5):
            rig.put(message(1, alert_id=f"{number:024x}"))
        await eventually(lambda: not len(rig.lane))
    ends = [delivery.alert_id for delivery in rig.outcomes.deliveries if delivery.state == "sent"]
    assert ends == [f"{number:024x}" for number in range(5)]


def test_what_was_decided_first_goes_first_whichever_partition_was_read_first() -> None:
    """But of one ticket what came first, and what was decided at once as it came."""
    backlog = Backlog()
    for second, numbers in ((30, (1, 2, 3)), (20, (4, 1, 5)), (40, (6,)), (10, (7, 2))):
        for number in numbers:
            decided_at = START + second * SECOND
            one = message(number, alert_id=f"{second:024x}", decided_at=format_instant(decided_at))
            backlog.put(Job(one, Partition(), 0), decided_at)
    order = [(job.message.alert.ticket, int(job.message.alert.alert_id, 16)) for job in backlog.queue]
    assert order == [
        ("T-7", 10), ("T-4", 20), ("T-1", 30), ("T-1", 20), ("T-5", 20), ("T-2", 30), ("T-2", 10), ("T-3", 30),
        ("T-6", 40),
    ]  # fmt: skip


async def test_a_hung_destination_delays_no_other() -> None:
    clock = Clock()
    claims = MemoryClaims(clock)
    await claims.filled()
    async with FakeChat() as chat, open_session() as session:
        chat.always("/hung", hangs)

        def to(path: str, timeout: int) -> WebhookSender:
            return WebhookSender(session, chat.url(path), {}, timeout, clock)

        quick = running_lane(to("/quick", 30 * SECOND), claims=claims, clock=clock, name="quick")
        hung = running_lane(to("/hung", 3 * SECOND), claims=claims, clock=clock, name="hung")
        async with hung as slow, quick as rig:
            for number in range(20):
                slow.put(message(number, "hung"), number)
                rig.put(message(number, "quick"), number)
            await eventually(lambda: len(chat.to("/quick")) == 20, timeout=2.5)
            assert len(chat.to("/hung")) <= 1
            chat.heal("/hung")
            await eventually(lambda: len(slow.outcomes.ends()) == 21)  # one was ambiguous first
        repeats = [post.body["alert_id"] for post in chat.to("/hung") if post.body.get("repeat")]
        assert repeats == [alert_id(0)]


async def test_a_connection_dropped_after_the_body_gives_one_marked_repeat() -> None:
    async with FakeChat() as chat, open_session() as session:
        chat.once("/desk", drops, answers(500), answers(200, "ok"))
        sender = WebhookSender(session, chat.url("/desk"), {}, SECOND, Clock())
        async with running_lane(sender) as rig:
            rig.put(message())
            await eventually(lambda: rig.counted("sent") == 1)
        assert [post.body.get("repeat") for post in chat.posts] == [None, True, True]


async def test_claims_that_are_away_make_messages_late_and_lose_none() -> None:
    class Away(MemoryClaims):
        away = True

        async def claim(self, key: str, token: str, lease: int, over: str = "") -> Claim:
            if self.away:
                raise ClaimsUnavailable("away")
            return await super().claim(key, token, lease, over)

    claims, sender = Away(Clock()), Scripted([SENT])
    await claims.filled()
    async with running_lane(sender, claims=claims) as rig:
        rig.put(message())
        await eventually(lambda: rig.lane.waits_for_claims)
        assert sender.sent == []
        claims.away = False
        await eventually(rig.outcomes.ends)
    assert sender.sent == [("T-1", False)]


async def test_flushed_claims_are_filled_before_anything_is_sent() -> None:
    claims, sender = MemoryClaims(Clock()), Scripted([SENT])

    async def refill() -> None:
        await claims.finish([(message(1).key, "sent")])
        await claims.filled()

    async with running_lane(sender, claims=claims, refill=refill) as rig:
        rig.put(message(1))
        rig.put(message(2))
        await eventually(lambda: not len(rig.lane))
    assert sender.sent == [("T-2", False)]


async def test_a_message_claimed_elsewhere_waits_and_is_taken_over_when_its_holder_died() -> None:
    clock, sender = Clock(), Scripted([SENT])
    claims = MemoryClaims(clock)
    await claims.filled()
    await claims.claim(message(1).key, "another", 100_000)
    async with running_lane(sender, claims=claims, clock=clock) as rig:
        rig.put(message(1))
        rig.put(message(2))
        await eventually(lambda: sender.sent)
        assert sender.sent == [("T-2", False)]
        clock.now += SECOND
        await eventually(lambda: len(sender.sent) == 2)
        assert sender.sent[1] == ("T-1", True)
    assert rig.counted("repeated") == 1


async def test_what_memory_would_forget_is_written_before_it_is_sent() -> None:
    states: list[Any] = []

    class Looking:
        async def send(self, message: Message, *, repeat: bool) -> Result:
            states.extend(delivery.state for delivery in rig.outcomes.deliveries)
            return SENT

    async with running_lane(Looking()) as rig:
        rig.put(message())
        await eventually(rig.outcomes.ends)
    assert states == ["sending"]


async def test_claims_that_were_written_over_are_filled_anew_and_counted() -> None:
    class WrittenOver(MemoryClaims):
        over = True

        async def claim(self, key: str, token: str, lease: int, over: str = "") -> Claim:
            if self.over:
                return Claim(Held.UNREADABLE)
            return await super().claim(key, token, lease, over)

    claims, sender = WrittenOver(Clock()), Scripted([SENT])

    async def refill() -> None:
        claims.over = False
        await claims.finish([(message(1).key, "sent")])
        await claims.filled()

    async with running_lane(sender, claims=claims, refill=refill) as rig:
        rig.put(message(1))
        rig.put(message(2))
        await eventually(lambda: not len(rig.lane))
    assert sender.sent == [("T-2", False)]
    assert (rig.counted("unreadable"), rig.counted("refused"), rig.counted("repeated")) == (1, 1, 0)


async def test_a_claim_that_came_too_late_to_be_relied_on_is_asked_for_anew() -> None:
    """As after this process was stopped between its claim and its send: its lease may be over by then."""

    class Delayed(MemoryLog):
        async def ahead(self, delivery: Delivery) -> None:
            await super().ahead(delivery)
            if len(self.deliveries) == 1:
                await asyncio.sleep(0.1)

    claims, sender = MemoryClaims(Clock()), Scripted([SENT])
    await claims.filled()
    async with running_lane(sender, claims=claims, outcomes=Delayed(claims), margin=50_000) as rig:
        rig.put(message(1))
        await eventually(lambda: not len(rig.lane))
    assert [delivery.state for delivery in rig.outcomes.deliveries] == ["sending", "sending", "sent"]
    assert sender.sent == [("T-1", False)]


async def test_while_nothing_is_recorded_few_are_sent_for_a_killed_one_would_have_to_repeat_them() -> None:
    waiting: list[tuple[Delivery, Callable[[], None]]] = []

    class Away(MemoryLog):
        def put(self, delivery: Delivery, done: Callable[[], None]) -> None:
            waiting.append((delivery, done))

    claims, sender = MemoryClaims(Clock()), Scripted([SENT])
    await claims.filled()
    async with running_lane(sender, claims=claims, outcomes=Away(claims)) as rig:
        for number in range(20):
            rig.put(message(number))
        await eventually(lambda: len(waiting) == UNRECORDED)
        with pytest.raises(AssertionError):
            await eventually(lambda: len(sender.sent) > UNRECORDED, timeout=0.2)
        for _, done in waiting:
            done()
        await eventually(lambda: len(sender.sent) == 2 * UNRECORDED)


async def test_stopping_ends_what_is_under_way_and_begins_nothing() -> None:
    begun, finish = asyncio.Event(), asyncio.Event()

    class Slow:
        async def send(self, message: Message, *, repeat: bool) -> Result:
            begun.set()
            await finish.wait()
            return SENT

    async with running_lane(Slow()) as rig:
        rig.put(message(1))
        rig.put(message(2))
        await begun.wait()
        rig.lane.stop()
        finish.set()
        await eventually(rig.outcomes.ends)
    assert rig.outcomes.ends() == [(alert_id(1), "sent", False)]


async def test_messages_of_a_lost_partition_are_not_sent() -> None:
    begun, finish = asyncio.Event(), asyncio.Event()

    class Slow:
        async def send(self, message: Message, *, repeat: bool) -> Result:
            begun.set()
            await finish.wait()
            return SENT

    async with running_lane(Slow()) as rig:
        rig.put(message(1))
        rig.put(message(2))
        await begun.wait()
        rig.partition.live = False
        rig.lane.drop_dead()
        waiting = asyncio.create_task(rig.partition.settled())
        finish.set()
        await asyncio.wait_for(waiting, 5)
        assert rig.outcomes.ends() == [(alert_id(1), "sent", False)]


async def test_latency_counts_breaches_that_were_told_in_time_alone() -> None:
    clock, at_once = Clock(START + MINUTE), Storm(None, gather=0)
    async with running_lane(Scripted([SENT]), clock=clock, backoff=QUICK, storm=at_once) as rig:
        for number, fields in enumerate(
            ({"late": True}, {"kind": "corrected"}, {"level": "warning"}, {"deadline": None})
        ):
            rig.put(message(number, **fields))
        rig.lane.put(Job(message(9), Partition(), 9, hold=START))
        await eventually(lambda: not len(rig.lane))
        assert b"sla_notifier_deadline_to_chat_seconds_count" not in rig.exposed()


class Changing:
    """A service that calls its messages m1, m2 ... and can change them."""

    def __init__(self, *changes: Result) -> None:
        self.done: list[tuple[str, str]] = []
        self._changes = list(changes)

    async def send(self, message: Message, *, repeat: bool) -> Result:
        self.done.append(("repeat" if repeat else "send", message.alert.kind))
        return Referred(f"m{len(self.done)}")

    async def update(self, reference: str, message: Message) -> Result:
        self.done.append((reference, message.alert.kind))
        return self._changes.pop(0) if self._changes else SENT


class Referred(NamedTuple):
    """A result with the service's own id of the message."""

    reference: str
    outcome: Outcome = Outcome.SENT
    error: str = ""
    retry_after: int | None = None


async def test_how_a_destination_fares_is_heard_of() -> None:
    heard: list[tuple[str, Result]] = []
    async with running_lane(Scripted([FAILED, SENT]), attempted=lambda *attempt: heard.append(attempt)) as rig:
        rig.put(message())
        await eventually(rig.outcomes.ends)
    assert heard == [("desk", FAILED), ("desk", SENT)]


async def test_what_follows_on_a_message_goes_into_its_thread() -> None:
    threads: list[tuple[str, str | None]] = []

    class Threading:
        async def send(self, message: Message, *, repeat: bool) -> Result:
            threads.append((message.alert.kind, message.thread))
            return SENT._replace(reference="m77")

    async with running_lane(Threading()) as rig:
        for kind in ("raised", "corrected"):
            rig.put(message(1, kind=kind))
        rig.put(message(2, kind="corrected"))
        await eventually(lambda: len(rig.outcomes.ends()) == 3)
    assert sorted(threads, key=str) == [("corrected", "m77"), ("corrected", None), ("raised", None)]


@pytest.mark.parametrize("kind", ["recovered", "acknowledged"])
async def test_what_became_of_an_alert_changes_its_message_where_the_service_can(kind: str) -> None:
    sender = Changing()
    async with running_lane(sender) as rig:
        for one in (message(1), message(2), message(1, kind=kind), message(2, kind="corrected")):
            rig.put(one)
        await eventually(lambda: not len(rig.lane))
    assert sorted(sender.done) == [("m1", kind), ("send", "corrected"), ("send", "raised"), ("send", "raised")]
    assert [d.reference for d in rig.outcomes.deliveries if d.state == "sent" and d.kind == "raised"] == ["m1", "m2"]


def taken(number: int, reference: str, **more: Any) -> Delivery:
    alert_id = message(number).alert.alert_id
    return Delivery(alert_id, "raised", "desk", "sent", "", 1, repeat=False, reference=reference, **more)


async def test_below_a_digest_is_told_what_became_of_those_that_it_names_and_not_of_the_others() -> None:
    """Also after a restart, from the record; nobody is called, so it counts as no card in a storm."""
    told: list[tuple[str, str | None, int]] = []

    class Threading(Changing):
        async def send(self, message: Message, *, repeat: bool) -> Result:
            record = message.alert.record
            told.append((message.alert.kind, message.thread, record.get("count", 0)))
            return SENT._replace(reference=f"m{len(told)}")

    follows = [Job(message(n, kind="recovered"), Partition(), n, only_change=True) for n in (1, 2, 6, 9)]
    pace, storm = Pace(cards=1), Storm(1, gather=0)
    async with running_lane(Threading(), pace=pace, storm=storm, references=(references := References())) as rig:
        for number in range(1, 8):
            rig.put(message(number, elapsed_seconds=10_000.0 - number))
        await eventually(lambda: not len(rig.lane))
        for job in follows[:2]:
            rig.lane.put(job)
        await eventually(lambda: not len(rig.lane))
        records = rig.outcomes.deliveries
    assert told == [("digest", None, 7), ("recovered", "m1", 0), ("recovered", "m1", 0)]
    (digest,) = [each for each in records if each.kind == "digest" and each.state == "sent"]
    assert digest.named == [message(number).key for number in range(1, 6)], "the five worst"
    again = References()
    for record in records:
        again.learn(record)
    async with running_lane(Threading(), pace=pace, storm=storm, references=again) as rig:
        for job in follows[2:]:
            rig.lane.put(job)
        await eventually(lambda: not len(rig.lane))
        rig.lane.put(Job(message(3, kind="acknowledged"), Partition(), 3, only_change=True))
        await eventually(lambda: not len(rig.lane))
    assert told[3:] == [("acknowledged", "m1", 0)], "the sixth was counted, of the ninth nothing was told"
    assert references.of(message(1).key) is None, "a digest is not changed"


async def test_a_message_can_be_changed_after_a_restart_for_its_reference_is_on_record() -> None:
    references = References()
    references.learn(taken(1, "m77"))
    sender = Changing()
    async with running_lane(sender, references=references) as rig:
        rig.put(message(1, kind="recovered"))
        await eventually(lambda: not len(rig.lane))
    assert sender.done == [("m77", "recovered")]


async def test_where_nothing_can_be_changed_it_is_told_anew() -> None:
    sender = Changing(REFUSED)
    async with running_lane(sender) as rig:
        rig.put(message(1, kind="recovered"))  # no reference of the raised one
        rig.put(message(2))
        rig.put(message(2, kind="recovered"))  # the service refuses to change it
        await eventually(lambda: not len(rig.lane))
    assert sender.done == [
        ("send", "recovered"),
        ("send", "raised"),
        ("m2", "recovered"),
        ("send", "recovered"),
    ]


async def test_many_changes_hold_up_no_message_that_calls_somebody() -> None:
    """Fifty breaches are answered at once, of which the service lets one be changed a second: then there is another."""
    references, sender = References(), Changing()
    for number in range(50):
        references.learn(taken(number, f"m{number}"))
    pace = Pace(RateLimit(1, SECOND // 20))
    async with running_lane(sender, pace=pace, references=references) as rig:
        for number in range(50):
            rig.lane.put(Job(message(number, kind="recovered"), Partition(), number, only_change=True))
        await eventually(lambda: len(sender.done) > 2)
        late = format_instant(START + MINUTE)
        rig.put(message(99, decided_at=late))
        rig.put(message(7, kind="corrected", decided_at=late))
        await eventually(lambda: ("send", "raised") in sender.done)
        assert len(sender.done) < 10
        await eventually(lambda: len(sender.done) == 52)
    assert sender.done.index(("m7", "recovered")) < sender.done.index(("send", "corrected")), "a ticket keeps its order"


async def test_a_change_of_unknown_result_is_made_again_and_is_no_repeat() -> None:
    sender = Changing(UNKNOWN, FAILED, SENT)
    async with running_lane(sender) as rig:
        rig.put(message(1))
        rig.put(message(1, kind="recovered"))
        await eventually(lambda: not len(rig.lane))
    assert sender.done[1:] == [("m1", "recovered")] * 3
    assert (rig.counted("repeated"), rig.outcomes.deliveries[-1].repeat) == (0, False)


async def test_the_references_used_least_lately_are_forgotten() -> None:
    references = References(most=2)
    for number in (1, 2, 1, 3):
        references.learn(taken(number, f"m{number}"))
    assert [references.of(message(number).key) for number in (1, 2, 3)] == ["m1", None, "m3"]


async def test_several_tickets_are_under_way_at_a_time_and_of_one_ticket_one() -> None:
    most, under_way, order = 0, set[str](), list[tuple[str, str]]()

    class Slow:
        async def send(self, message: Message, *, repeat: bool) -> Result:
            nonlocal most
            ticket = message.alert.ticket
            assert ticket not in under_way
            under_way.add(ticket)
            most = max(most, len(under_way))
            await asyncio.sleep(0.01)
            under_way.remove(ticket)
            order.append((ticket, message.alert.alert_id))
            return SENT

    async with running_lane(Slow()) as rig:
        for number in range(120):
            rig.put(message(number % 20, alert_id=f"{number:024x}"))
        await eventually(lambda: not len(rig.lane))
    assert 1 < most <= UNRECORDED
    for ticket in {ticket for ticket, _ in order}:
        ids = [alert for of, alert in order if of == ticket]
        assert ids == sorted(ids)


async def test_a_destination_that_hangs_is_found_out_with_one_message() -> None:
    sender = Scripted([UNKNOWN])
    async with running_lane(sender, backoff=Backoff(first=60.0)) as rig:
        for number in range(50):
            rig.put(message(number))
        await eventually(lambda: rig.counted("ambiguous"))
    assert len(sender.sent) == 1


async def test_what_is_silenced_has_its_outcome_at_once_and_reaches_nobody() -> None:
    sender = Scripted([SENT])
    async with running_lane(sender, pace=Pace(RateLimit(1, HOUR), 1)) as rig:
        for number in range(1, 30):
            job = Job(message(number), rig.partition, number, hold=START + HOUR, silence="maintenance")
            rig.lane.put(job)
        await eventually(lambda: not len(rig.lane))
    assert sender.sent == []
    assert {(state, repeat) for _, state, repeat in rig.outcomes.ends()} == {("silenced", False)}
    assert rig.counted("silenced") == 29


async def test_limits_that_are_away_make_messages_late_and_nothing_goes_out_past_them() -> None:
    class Away(MemoryLimits):
        away, asked = True, 0

        async def take(self, destination: str, pace: Pace, *, card: bool) -> Wait:
            self.asked += 1
            if self.away:
                raise ClaimsUnavailable("away")
            return await super().take(destination, pace, card=card)

    limits, sender = Away(lambda: 0), Scripted([SENT])
    async with running_lane(sender, limits=limits) as rig:
        rig.put(message())
        await eventually(lambda: limits.asked == 1 and not rig.lane._turns)
        assert sender.sent == []
        limits.away = False
        await eventually(rig.outcomes.ends)
    assert sender.sent == [("T-1", False)]


async def test_what_another_notifier_was_told_to_wait_holds_here_too() -> None:
    clock = Clock()
    limits, sender = MemoryLimits(clock), Scripted([SENT])
    await limits.hold("desk", 100_000)
    async with running_lane(sender, limits=limits, clock=clock) as rig:
        rig.put(message())
        with pytest.raises(AssertionError):
            await eventually(lambda: sender.sent, timeout=0.15)
        clock.now += 100_000
        await eventually(rig.outcomes.ends)
    assert len(sender.sent) == 1


async def test_changes_are_no_storm_and_wait_for_none() -> None:
    """Nobody is called by them: they are neither counted among the cards nor summed up."""
    references, sender = References(), Changing()
    changes = [message(number, kind="recovered") for number in range(5)]
    for change in changes:
        number = int(change.alert.alert_id, 16)
        references.learn(taken(number, f"m{number}"))
    async with running_lane(sender, references=references, pace=Pace(cards=1)) as rig:
        for change in changes:
            rig.lane.put(Job(change, rig.partition, 0, only_change=True))
        rig.put(message(9))
        await eventually(lambda: not len(rig.lane))
    assert sorted(sender.done) == [*((f"m{number}", "recovered") for number in range(5)), ("send", "raised")]
    assert rig.counted("digests") == 0
