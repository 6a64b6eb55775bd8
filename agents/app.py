"""The worker put together: settings in, a running engine with its metrics, boards and policy watch out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from agents.boards import About, Boards
from agents.endings import Reminders, endings_of_policies
from agents.engine import Engine, EngineConfig, wall_clock
from agents.gauges import EngineGauges, TicketGauges
from agents.meters import Meters
from agents.observer import WorkerObserver
from agents.partition import Rules, TicketPartition
from agents.policy_source import PolicySource, policies_of
from agents.policy_topic import PolicyTopic
from agents.redis import client
from agents.web import serving
from config.settings import split_address
from config.staffing import staffing_of
from streams.events import TOPIC_OF, TYPES, tag_of
from streams.explain import explain
from streams.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from agents.engine import Connection, Store
    from agents.topics import Topics
    from config.settings import Settings
    from streams.alert_record import Alert

log = logging.getLogger("slawatch.worker")

PUBLISH_EVERY = 1.0
WATCH_EVERY = 2.0
"""Seconds between boards, and between looks at the policy file."""


class Worker:
    """One worker process's parts. `data_dir` None keeps all state in memory."""

    def __init__(
        self,
        settings: Settings,
        connection: Connection,
        topics: Topics,
        data_dir: Path | None,
        clock: Callable[[], int] = wall_clock,
    ) -> None:
        self.settings = settings
        self.meters = Meters()
        self.rules = Rules(
            policies=policies_of(settings.policies),
            inputs={topics.name(TOPIC_OF[tag_of(event_type)]): event_type for event_type in TYPES},
            alerts=topics.alerts,
            ledger=topics.ledger,
            dead_letters=topics.dead_letters,
            grace=settings.grace,
            retention=settings.retention,
            max_age=settings.alert_max_age,
            max_ahead=settings.max_ahead,
        )
        topic = PolicyTopic(connection, topics.policies)
        self.policies = PolicySource(settings.policies, topic, self.rules, self.meters, clock, self._tell)
        self._reminders = Reminders()
        self.observer = WorkerObserver(self.meters, self._tell, self.now)
        self.engine = Engine(
            EngineConfig(
                connection=connection,
                app=settings.app,
                inputs=topics.inputs,
                changelog=topics.changelog,
                heartbeats=topics.heartbeats,
                alerts=topics.alerts,
                partitions=settings.partitions,
                data_dir=data_dir,
                session_timeout=settings.session_timeout,
                grace=settings.grace,
                input_stall=settings.input_stall,
            ),
            self._own,
            self.observer,
            clock,
            self.policies.caught_up,
        )
        self._started = False
        staffing = staffing_of(settings.staffing)
        self.gauges = TicketGauges(self.partitions, self.rules, self.now, staffing, settings.partitions)
        self.meters.registry.register(EngineGauges(self.engine))

    def now(self) -> int:
        """Microseconds since the epoch, by the clock that the engine holds to be right."""
        return self.engine.clock()

    def partitions(self) -> Iterator[TicketPartition]:
        """The partitions held and live."""
        for number in sorted(self.engine.live):
            yield self.engine.owner(number)

    async def run(
        self,
        stop: asyncio.Event,
        started: Callable[[int], None] = lambda _: None,
        before: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Work until told to stop, then give up the partitions in order.

        `before` is awaited before the group is joined, with the pages served already; `started` is told the port of
        `/metrics`.

        Raises Refused where the topics or the local state are not as they must be, OSError where the port is taken.
        """
        host, port = split_address(self.settings.metrics_listen)
        explaining = [web.get("/tickets/{ticket_id}", self._explain)]
        async with serving(host, port, self.meters.registry, self.problems, explaining, self.gauges.text) as bound:
            if before is not None:
                await before()
            async with self.policies.following():
                await self.engine.start()
                self._started = True
                started(bound)
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._publish(stop))
                    group.create_task(self._watch(stop))
                await self.engine.stop()

    def reload(self) -> None:
        """Load the policy file again, changed or not; a wrong one leaves the old policies in force."""
        self.engine.run(self.policies.reload())

    def problems(self) -> dict[str, str]:
        """Why it is not ready."""
        found = {}
        if not self._started or not self.engine.open:
            found["engine"] = "not in the group yet, or partitions are changing hands"
        if self.observer.skewed_since is not None:
            found["clock"] = f"alarms hold: the broker's clock is {self.engine.skew / SECOND:+.0f} s off this worker's"
        if self.observer.blind_since is not None:
            found["input"] = "not read up to the present"
        if self.observer.held is not None:
            found["kafka"] = f"alarms hold: {self.observer.held}"
        return found

    def _tell(self, alert: Alert) -> None:
        self.meters.alerts.labels(alert.target, alert.level, alert.kind).inc()
        self.engine.tell(self.rules.alerts, msgspec.json.encode(alert))

    def _own(self, number: int, store: Store) -> TicketPartition:
        return TicketPartition(number, store, self.rules, self.meters, self.now())

    async def _publish(self, stop: asyncio.Event) -> None:
        """Every second: time passes for the partitions, and the boards go to Redis."""
        boards = Boards(client(self.settings), self.settings.app) if self.settings.redis else None
        name = f"{socket.gethostname()}/{os.getpid()}"
        try:
            while not stop.is_set():
                now = self.now()
                held = list(self.partitions())
                for partition in held:
                    partition.tick(now)
                    await asyncio.sleep(0)  # slots that enter and leave the windows take their time
                self.meters.to_judge.set(sum(partition.to_judge for partition in held))
                if boards is not None:
                    about = About(name, self.problems(), self.rules.policies)
                    await boards.publish(self.gauges.lookout, now, about)
                await _stopped(stop, PUBLISH_EVERY)
        finally:
            if boards is not None:
                await boards.close()

    async def _watch(self, stop: asyncio.Event) -> None:
        while not await _stopped(stop, WATCH_EVERY):
            await self.policies.reload_if_changed()
            if self.engine.open:
                for alert in self._reminders.due(endings_of_policies(self.rules.policies), self.now()):
                    log.warning("operations are told: %s", alert.message)
                    self._tell(alert)

    async def _explain(self, request: web.Request) -> web.Response:
        ticket_id = request.match_info["ticket_id"]
        for partition in self.partitions():
            kept = partition.ticket(ticket_id)
            if kept is not None:
                answer = explain(ticket_id, kept, self.rules.policies, self.now())
                return web.Response(body=msgspec.json.encode(answer), content_type="application/json")
        return web.json_response({"error": f"ticket {ticket_id!r} is not in this worker's partitions"}, status=404)


async def _stopped(stop: asyncio.Event, within: float) -> bool:
    """Whether it is time to stop, waiting so many seconds for it.

    Tasks are told, not cancelled: the Redis client was seen to swallow a cancellation.
    """
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), within)
    return stop.is_set()
