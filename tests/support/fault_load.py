"""A seeded stream of tickets at so many events a second: answered, late, silent, doubled, in disorder."""

from __future__ import annotations

import heapq
import random
import threading
import time
from itertools import count
from typing import TYPE_CHECKING, Any

import msgspec
from confluent_kafka import Message, Producer
from judge_time import SECOND, text_of
from kafka_io import now

from streams.events import TOPIC_OF

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TEAMS = ("billing", "tech", "sales")
CHANNELS = ("chat", "email", "phone")

_POLICIES = """\
version: 1
policies:
  - name: urgent
    when: {{priority: [urgent]}}
    targets:
      first_response: {{limit: {limit}s, warn: [50%]}}
      next_response: {{limit: 8h}}
      resolution: {{limit: {resolved}s}}
  - name: patient
    when: {{priority: [low]}}
    targets:
      first_response: {{limit: {patient}s}}
      next_response: {{limit: 8h}}
  - name: main
    targets:
      first_response: {{limit: {limit}s, warn: [50%]}}
      next_response: {{limit: 8h}}
      resolution: {{limit: 8h}}
"""
_PATIENT, _RESOLVED = 1, 2  # seconds more than the limit

Timed = tuple[int, dict[str, Any]]
"""When an event is sent (microseconds since the epoch), and the event."""


def policies(limit: int) -> str:
    """The promises that the tickets are made for; `limit` in seconds is that of most first responses."""
    return _POLICIES.format(limit=limit, patient=limit + _PATIENT, resolved=limit + _RESOLVED)


def longest(limit: int) -> float:
    """Seconds from a ticket's creation to its last deadline that can pass in a run, pauses included."""
    return limit + _RESOLVED + _PAUSE


_PAUSE = 1.0


def story(rng: random.Random, ticket: str, begun: int, limit: int, grace: int) -> list[Timed]:
    """A ticket's events as they are sent; `limit` and `grace` in microseconds.

    About one in nine breaches. In one of a hundred the reply is given in time and arrives after deadline and grace.
    """
    told: list[Timed] = []
    priority = rng.choices(("urgent", "normal", "low"), (20, 70, 10))[0]
    own = limit + _PATIENT * SECOND if priority == "low" else limit

    def tell(kind: str, after: float, sent: float | None = None, **fields: Any) -> None:
        """It happens `after` limits, and is sent then or a moment later; or `sent` microseconds after the creation."""
        at = begun + int(after * own)
        delay = int(rng.uniform(0, 0.5) * SECOND) if rng.random() < 0.1 else 0
        place = at + delay if sent is None else begun + int(sent)
        event = {"event_id": f"{ticket}.{len(told)}", "type": kind, "ticket_id": ticket, "occurred_at": text_of(at)}
        told.append((place, event | fields))

    place = {"team": rng.choice(TEAMS), "priority": priority, "channel": rng.choice(CHANNELS)}
    tell("ticket_created", 0, **place)
    fate = rng.random()
    reply = {"agent_id": f"a{rng.randrange(50)}", "handle_seconds": rng.randrange(30, 600)}
    prompt = fate >= 0.08
    if prompt:
        tell("agent_replied", rng.uniform(0.55, 0.7) if rng.random() < 0.08 else rng.uniform(0.05, 0.4), **reply)
    elif fate < 0.01:
        tell("agent_replied", 0.6, sent=own + grace + rng.uniform(0.5, 2) * SECOND, **reply)
    elif fate < 0.04:
        tell("agent_replied", 1 + (grace + rng.uniform(0.2, 1.5) * SECOND) / own, **reply)
    _noise(rng, tell, own)
    if prompt and rng.random() < (0.85 if priority == "urgent" else 0.5):
        tell("status_changed", rng.uniform(0.7, 1.2), status=rng.choice(("resolved", "closed")))
        if rng.random() < 0.03:
            tell("status_changed", rng.uniform(1.2, 1.3), status="open")
    again = [(at + int(rng.uniform(0, 0.5) * limit), event) for at, event in told if rng.random() < 0.03]
    return told + again


def _noise(rng: random.Random, tell: Any, own: int) -> None:
    """What answers nothing: notes, customers' words, updates, pauses."""
    for _ in range(rng.randrange(4, 10)):
        after, what = rng.uniform(0.02, 1.1), rng.random()
        if what < 0.5:
            tell("agent_replied", after, public=False, agent_id=f"a{rng.randrange(50)}")
        elif what < 0.7:
            tell("customer_replied", after)
        elif what < 0.8:
            tell("ticket_updated", after, agent_id=f"a{rng.randrange(50)}")
        elif what < 0.84:
            tell("ticket_updated", after, team=rng.choice(TEAMS), priority=rng.choice(("urgent", "normal", "low")))
        elif what < 0.9:
            tell("status_changed", after, status=rng.choice(("on_hold", "waiting_on_customer")))
            tell("status_changed", after + rng.uniform(0.2, _PAUSE) * SECOND / own, status="open")
        elif what < 0.98:
            tell("ticket_rated", after, score=rng.randrange(1, 6))
        else:
            tell("status_changed", after, status="cancelled", reason="spam")


class Load:
    """A thread that sends stories at the rate it is told, from `start` to `close`; `limit` and `grace` in seconds.

    With rate 0 no new ticket begins; those under way are told to their end.
    """

    def __init__(self, bootstrap: str, prefix: str, seed: int, limit: int, grace: float) -> None:
        self.sent = 0
        self.ids: set[str] = set()
        self.acknowledged: dict[str, int] = {}
        """Ids of events sent; of those that the broker has taken, when that was first heard of."""
        self.acknowledged_at: dict[tuple[str, int, int], int] = {}
        """The same of each record, by topic, partition and offset."""
        self.last_begun = 0
        """When the last ticket began, or an event of the test's own was sent; microseconds since the epoch."""
        self._prefix = prefix
        self._rng = random.Random(seed)
        self._limit = limit * SECOND
        self._grace = int(grace * SECOND)
        self._names: Iterator[str] = (f"T{number}" for number in count(1))
        self._due: list[tuple[int, int, Mapping[str, Any]]] = []
        self._orders = count()
        self._rate = 0.0
        self._since = (0.0, 0)
        self._over = threading.Event()
        self._errors: list[object] = []
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "linger.ms": 2,
                "log_level": 0,
                "message.timeout.ms": 600_000,
                "reconnect.backoff.max.ms": 1000,
                "queue.buffering.max.messages": 2_000_000,
            }
        )
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def pace(self, rate: float) -> None:
        """From now on so many events a second; 0: the tickets under way only."""
        self._since = (time.monotonic(), self.sent)
        self._rate = rate

    @property
    def achieved(self) -> float:
        """Events a second since the last `pace`."""
        began, before = self._since
        return (self.sent - before) / max(time.monotonic() - began, 0.001)

    @property
    def under_way(self) -> int:
        """Events of begun tickets that are still to be sent."""
        return len(self._due)

    def put(self, *events: Mapping[str, Any]) -> None:
        """Send events of the test's own, in the forms of `kafka_io`."""
        self.last_begun = now()
        for event in events:
            self._put(event)

    def _put(self, event: Mapping[str, Any]) -> None:
        topic = self._prefix + TOPIC_OF[event["type"]]
        event_id = event["event_id"]

        def delivered(error: object, message: Message) -> None:
            if error is None:
                at = now()
                self.acknowledged.setdefault(event_id, at)
                self.acknowledged_at[message.topic(), message.partition(), message.offset()] = at
            else:
                self._errors.append(error)

        self._producer.produce(topic, msgspec.json.encode(event), event["ticket_id"].encode(), on_delivery=delivered)
        self.ids.add(event_id)
        self.sent += 1

    def flush(self, within: float) -> None:
        """Blocks until everything sent is acknowledged. Raises AssertionError after so many seconds."""
        left = self._producer.flush(within)
        assert not left, f"{left} events are not acknowledged after {within:g} s"
        assert not self._errors, f"{len(self._errors)} events could not be delivered: {self._errors[:3]}"

    def close(self) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            while self._due and self._due[0][0] <= now():
                self._put(heapq.heappop(self._due)[2])
            began, before = self._since
            owed = (time.monotonic() - began) * self._rate - (self.sent - before)
            if self._rate and owed >= 1:
                self._begin_ticket()
            else:
                self._producer.poll(0.002)

    def _begin_ticket(self) -> None:
        self.last_begun = now()
        for at, event in story(self._rng, next(self._names), self.last_begun, self._limit, self._grace):
            heapq.heappush(self._due, (at, next(self._orders), event))
