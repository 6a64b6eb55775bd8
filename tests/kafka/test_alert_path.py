"""From an event on a real Kafka to a message in a chat: on time, once, and only where it is due."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from fake_chat import FakeChat
from kafka_io import created, now, replied
from processes import Installation
from waiting import eventually

from streams.instants import SECOND, parse_instant

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 5 * SECOND
GRACE = SECOND
POLICIES = """\
version: 1
policies:
  - name: urgent
    when: {priority: [urgent]}
    targets:
      first_response: {limit: 5s, warn: [50%]}
"""


def urgent(*names: str, at: int) -> list[dict[str, object]]:
    return [created(name, at, priority="urgent", team="billing", channel="chat") for name in names]


def messages(chat: FakeChat) -> Counter[tuple[str, str]]:
    """How often each ticket was announced at each level."""
    return Counter((post.body["ticket_id"], post.body["level"]) for post in chat.posts)


async def test_a_live_urgent_ticket_is_in_the_chat_within_a_second_and_an_answered_one_never(
    kafka: str, redis_url: str, unique: str, tmp_path: Path
) -> None:
    """The second is counted from deadline + grace. The sentinels fall due last, one in each partition."""
    async with FakeChat() as chat, Installation(kafka, unique, tmp_path, redis=redis_url) as house:
        worker = house.worker(policies=house.file("policies.yaml", POLICIES))
        await house.notifier(chat).ready()
        await worker.ready()

        silent = [f"silent-{number}" for number in range(10)]
        answered = [f"answered-{number}" for number in range(10)]
        begun = now()
        house.events.put(*urgent(*silent, *answered, at=begun))
        house.events.put(*(replied(name, begun + SECOND) for name in answered))
        house.events.put(*urgent("after the warning", at=begun))
        house.events.flush()
        await eventually(lambda: ("after the warning", "warning") in messages(chat), timeout=10)
        sentinels = [f"sentinel-{number}" for number in range(12)]
        house.events.put(replied("after the warning", now()), *urgent(*sentinels, at=now()))
        house.events.flush()

        wanted = {(name, level) for name in silent + sentinels for level in ("warning", "breach")}
        wanted.add(("after the warning", "warning"))
        await eventually(lambda: wanted <= set(messages(chat)), timeout=20)
        await house.delivered()
        assert {record.partition for record, _ in await house.alerts()} == set(range(house.partitions))
        assert messages(chat) == Counter(wanted)
        lateness = []
        for post in chat.posts:
            due = parse_instant(post.body["started_at"]) + (LIMIT if post.body["level"] == "breach" else LIMIT // 2)
            lateness.append(post.at - (due + GRACE) / SECOND)
        print(f"from deadline + grace to the chat: {min(lateness):.3f} to {max(lateness):.3f} s")
        assert min(lateness) >= 0
        assert max(lateness) < 1
        assert await worker.metric("sla_alert_lateness_seconds_count") == len(wanted)

        # A reply that comes too late to prevent the alarm proves it wrong: it was given in time.
        chat.posts.clear()
        house.events.put(*(replied(name, begun + SECOND) for name in silent[:3]))
        house.events.put(*(replied(name, now()) for name in silent[3:]))
        house.events.flush()
        await eventually(lambda: len(chat.posts) >= 3, timeout=10)
        await house.caught_up()
        await house.delivered()
        corrected = [(post.body["ticket_id"], post.body["level"], post.body["kind"]) for post in chat.posts]
        assert sorted(corrected) == [(name, "breach", "corrected") for name in silent[:3]]


async def test_kill_9_before_and_at_the_deadline_loses_and_doubles_no_message(
    kafka: str, redis_url: str, unique: str, tmp_path: Path
) -> None:
    async with FakeChat() as chat, Installation(kafka, unique, tmp_path, redis=redis_url) as house:
        policies = house.file("policies.yaml", POLICIES.replace(", warn: [50%]", ""))
        notifier = house.notifier(chat)
        worker = house.worker(policies=policies)
        await notifier.ready()
        await worker.ready()

        # Killed between creation and deadline; the answers come while no worker runs.
        tickets = [f"before-{number}" for number in range(20)]
        begun = now()
        house.events.put(*urgent(*tickets, at=begun))
        house.events.flush()
        await house.caught_up(within=4)
        worker.kill()
        assert not chat.posts
        house.events.put(*(replied(name, begun + SECOND) for name in tickets[10:]))
        house.events.flush()
        worker = house.worker(policies=policies)
        wanted = Counter((name, "breach") for name in tickets[:10])
        await eventually(lambda: wanted.keys() <= messages(chat).keys(), timeout=40)

        # Killed while deadlines fall due one after the other, at the first message of them.
        tickets = [f"around-{number}" for number in range(60)]
        begun = now()
        house.events.put(
            *(ticket for place, name in enumerate(tickets) for ticket in urgent(name, at=begun + place * SECOND // 20))
        )
        house.events.flush()
        for number in (5, 25):
            await eventually(lambda number=number: len(chat.posts) >= 10 + number, timeout=40)
            worker.kill()
            worker = house.worker(policies=policies)
        wanted.update((name, "breach") for name in tickets)
        await eventually(lambda: wanted.keys() <= messages(chat).keys(), timeout=40)
        await worker.ready()
        assert await worker.stop() == 0
        await house.delivered()
        assert messages(chat) == wanted
        assert not any("repeat" in post.body for post in chat.posts)
        records = await house.alerts()
        print(f"{len(records)} alert records became {len(chat.posts)} messages")
