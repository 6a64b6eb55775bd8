"""The Faust app: membership, assignment, recovery and lifecycle are Faust's; the table and the data path are ours."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

import faust
from faust.tables.manager import TableManager
from faust.tables.table import Table

from agents.engine.transport import Host, RawSchema, Transport
from streams.instants import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable

    from faust.types import TP

BUFFERED_CHUNKS = 2  # between the fetcher and the agent; a full queue stops the fetcher
COMMIT_INTERVAL = 0.5


class TableHost(Host, Protocol):
    """What the table asks of the engine beyond what the transport asks."""

    stopping: bool

    async def assigned(self, partitions: frozenset[int]) -> None:
        """These partitions are ours from now on, and no others; their stores are to be opened."""

    def persisted(self, partition: int) -> int | None:
        """The offset of the last changelog record that Faust need not read."""

    async def recovered(self, ends: dict[int, int]) -> None:
        """The partitions are ours, and these are the ends of the changelog."""

    async def take(self, message: Any) -> None:
        """A chunk of input."""


class ChunkTable(Table):  # type: ignore[misc]  # Faust publishes no types
    """Tells Faust's recovery that there is nothing to restore: it opens no partition before it has restored all of
    them, so the engine reads the changelog itself. Everything else of a Faust table is unused."""

    def __init__(self, app: App, *, topic: Any, partitions: int) -> None:
        super().__init__(
            app,
            name="tickets",
            partitions=partitions,
            changelog_topic=topic,
            key_type=bytes,
            value_type=bytes,
            schema=RawSchema(key_type=bytes, value_type=bytes),
            recovery_buffer_size=2,  # with 1 Faust resumes the changelog after recovery
        )

    def persisted_offset(self, tp: TP) -> int | None:
        """The last one there is."""
        return self.app.engine.persisted(tp.partition)  # type: ignore[no-any-return]  # Faust publishes no types

    async def need_active_standby_for(self, tp: TP) -> bool:
        """No standby replicas: one did not shorten a fail-over."""
        return True

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Opens and closes stores before Faust asks how far they are."""
        topic = self.changelog_topic_name
        await self.app.engine.assigned(frozenset(tp.partition for tp in assigned if tp.topic == topic))

    def apply_changelog_batch(self, batch: Iterable[Any]) -> None:
        """What was written since the partitions were assigned: the engine reads that too."""

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """Faust drops what is raised here, so the engine ends the process itself."""
        highwaters = self.app.tables.recovery.active_highwaters
        await self.app.engine.recovered({tp.partition: highwaters[tp] + 1 for tp in active_tps})


class Tables(TableManager):  # type: ignore[misc]  # Faust publishes no types
    """Faust's waits a second at the start for tables that are declared late; ours is there before."""

    async def on_start(self) -> None:
        await self._update_channels()
        await self.recovery.start()


class App(faust.App):  # type: ignore[misc]  # Faust publishes no types
    """A Faust app on the transport of this package: no web server, no autodiscovery, no files of its own."""

    def __init__(self, engine: TableHost) -> None:
        self.engine = engine
        config = engine.config
        session = config.session_timeout / SECOND
        super().__init__(
            config.app,
            broker=["kafka://" + server for server in config.connection.servers],
            autodiscover=False,
            web_enabled=False,
            loghandlers=[],
            store="memory://",
            TableManager=Tables,
            topic_allow_declare=False,
            topic_disable_leader=True,
            topic_partitions=config.partitions,
            table_standby_replicas=0,
            # Two workers of one name would share an entry of the assignment.
            canonical_url=f"http://{socket.gethostname()}/{uuid4()}",
            stream_buffer_maxsize=BUFFERED_CHUNKS,
            stream_wait_empty=False,
            stream_recovery_delay=0.0,
            recovery_consistency_check=False,  # between what is there and what it was told is there, see the table
            broker_commit_interval=COMMIT_INTERVAL,
            broker_session_timeout=session,
            broker_request_timeout=max(30.0, session + 5),
            producer_linger=0.005,
            producer_max_batch_size=1 << 19,
            producer_max_request_size=8 << 20,
            producer_compression_type="zstd",
            producer_request_timeout=30.0,
        )
        changelog = self.topic(
            config.changelog, key_type=bytes, value_type=bytes, schema=RawSchema(), partitions=config.partitions
        )
        self.tables.add(ChunkTable(self, topic=changelog, partitions=config.partitions))
        self.agent(self.topic(*config.inputs, schema=RawSchema()), name="intake")(self._intake)

    async def _intake(self, stream: Any) -> None:
        async for event in stream.events():
            await self.engine.take(event.message)

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> Transport:
        return Transport(self.conf.broker_producer, self)

    def _create_directories(self) -> None:
        pass

    def _crash(self, reason: BaseException) -> None:
        # A crashed Faust app may hang on its way out.
        if not self.engine.stopping:
            self.engine.fail(f"Faust crashed: {reason!r}")
        super()._crash(reason)
