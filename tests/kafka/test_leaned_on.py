"""Every private attribute of Faust, mode and aiokafka that the engine leans on: what an upgrade moves fails here."""

from __future__ import annotations

import dataclasses
import inspect
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import aiokafka
import faust
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.producer.message_accumulator import BatchBuilder, MessageAccumulator
from aiokafka.producer.sender import Sender
from faust.tables.recovery import Recovery
from faust.tables.table import Table
from faust.transport.consumer import Consumer as BaseConsumer
from faust.transport.drivers import aiokafka as driver

from agents.engine.membership import Fetched

if TYPE_CHECKING:
    from collections.abc import Callable

# What we override: (class, method, its parameters after self).
OVERRIDDEN = [
    (driver.AIOKafkaConsumerThread, "_create_worker_consumer", ["transport"]),
    (driver.AIOKafkaConsumerThread, "_fetch_records", ["consumer", "active_partitions", "timeout", "max_records"]),
    (driver.AIOKafkaConsumerThread, "_seek_wait", ["consumer", "partitions"]),
    (driver.AIOKafkaConsumerThread, "on_start", []),
    (driver.Consumer, "_new_consumer_thread", []),
    (driver.Consumer, "_getmany", ["active_partitions", "timeout"]),
    (driver.Consumer, "getmany", ["timeout"]),
    (driver.Consumer, "_wait_next_records", ["timeout"]),
    (driver.Consumer, "on_buffer_full", ["tp"]),
    (driver.Consumer, "on_buffer_drop", ["tp"]),
    (driver.Consumer, "verify_all_partitions_active", []),
    (driver.Consumer, "resume_partitions", ["tps"]),
    (driver.Consumer, "perform_seek", []),
    (driver.Consumer, "resume_flow", []),
    (driver.Consumer, "on_partitions_revoked", ["revoked"]),
    (driver.Consumer, "on_partitions_assigned", ["assigned", "generation_id"]),
    (driver.Consumer, "_filter_tps_with_pending_acks", ["topics"]),
    (driver.Consumer, "_new_offset", ["tp"]),
    (driver.Consumer, "_commit_offsets", ["offsets", "start_new_transaction"]),
    (driver.Consumer, "_add_gap", ["tp", "offset_from", "offset_to"]),
    (driver.Consumer, "ack", ["message"]),
    (driver.Producer, "_settings_auth", []),
    (driver.Producer, "_settings_extra", []),
    (driver.Producer, "on_start", []),
    (faust.App, "_new_transport", []),
    (faust.App, "_new_producer_transport", []),
    (faust.App, "_create_directories", []),
    (faust.App, "_crash", ["reason"]),
    (Table, "persisted_offset", ["tp"]),
    (Table, "need_active_standby_for", ["tp"]),
    (Table, "on_rebalance", ["assigned", "revoked", "newly_assigned", "generation_id"]),
    (Table, "apply_changelog_batch", ["batch"]),
    (Table, "on_recovery_completed", ["active_tps", "standby_tps"]),
    (GroupCoordinator, "_send_req", ["request"]),
    (MessageAccumulator, "drain_by_nodes", ["ignore_nodes", "muted_partitions"]),
]

# What we call or read: (function in whose source it stands, the words that must stand there).
CALLED: list[tuple[Callable[..., Any], list[str]]] = [
    (BaseConsumer.__init__, ["_read_offset", "_committed_offset", "_unacked_messages", "_reset_state()"]),
    (BaseConsumer._reset_state, ["self._active_partitions = set()", "self._paused_partitions = set()", "flow_active"]),
    (BaseConsumer._drain_messages, ["get_read_offset(tp)", "suspend_flow.wait()", "getmany(timeout="]),
    (BaseConsumer.on_partitions_assigned, ["_set_active_tps(assigned)"]),
    (BaseConsumer._set_active_tps, ["difference_update(self._paused_partitions)"]),
    (BaseConsumer._commit_tps, ["_filter_committable_offsets", "self._commit_offsets("]),
    (BaseConsumer._should_commit, ["self._committed_offset[tp]"]),
    (BaseConsumer.commit, ["maybe_wait_for_commit_to_finish"]),
    (driver.AIOKafkaConsumerThread.on_start, ["self._consumer ="]),
    (driver.AIOKafkaConsumerThread.getmany, ["self._fetch_records", "max_records=_consumer._max_poll_records"]),
    (driver.AIOKafkaConsumerThread.seek_wait, ["self._seek_wait"]),
    (driver.ConsumerRebalanceListener.on_partitions_assigned, ["consumer_generation_id = generation"]),
    (driver.Producer.on_start, ["self._producer = self._new_producer()"]),
    (driver.Producer._new_producer, ["_settings_default()", "_settings_auth()", "_settings_extra()"]),
    (aiokafka.AIOKafkaConsumer.start, ["self._coordinator = GroupCoordinator("]),
    (aiokafka.AIOKafkaConsumer.partitions_for_topic, ["self._client.cluster"]),
    (AIOKafkaClient._md_synchronizer, ["self._metadata_max_age_ms", "self._metadata_update(self.cluster, topics)"]),
    (AIOKafkaClient.set_topics, ["self._topics = set(topics)"]),
    (Sender._sender_routine, ["fut = self.client.force_metadata_update()", "waiters.add(fut)"]),
    (aiokafka.AIOKafkaProducer.__init__, ["self._message_accumulator = MessageAccumulator("]),
    (GroupCoordinator._do_heartbeat, ["HeartbeatRequest(", "self._send_req(request)"]),
    (GroupCoordinator.fetch_committed_offsets, ["_do_fetch_commit_offsets(partitions)"]),
    (BatchBuilder.append, ["return None"]),
    (AIOKafkaAdminClient._send_request, ["get_random_node()", "self._client.send(node_id, request)"]),
    (Recovery.on_recovery_completed, ["table.on_recovery_completed(", "perform_seek()", "consumer.resume_flow()"]),
    (Recovery._add, ["table.persisted_offset(tp)"]),
    (Recovery._build_highwaters, ["value - 1"]),
    (Recovery._slurp_changelogs.fun, ["table.apply_changelog_batch(buf)"]),
]


@pytest.mark.parametrize(
    ("package", "pinned"),
    [("faust-streaming", "0.15.3"), ("mode-streaming", "0.7.1"), ("aiokafka", "0.14.0"), ("rocksdict", "0.3.29")],
)
def test_the_versions_are_the_proven_ones(package: str, pinned: str) -> None:
    assert version(package) == pinned


@pytest.mark.parametrize(("owner", "name", "parameters"), OVERRIDDEN)
def test_an_overridden_method_is_still_there(owner: type, name: str, parameters: list[str]) -> None:
    found = [name for name in inspect.signature(getattr(owner, name)).parameters if name != "self"]
    assert found == parameters


@pytest.mark.parametrize(("function", "words"), CALLED)
def test_what_is_leaned_on_is_still_there(function: Callable[..., Any], words: list[str]) -> None:
    source = inspect.getsource(function)
    assert [word for word in words if word not in source] == []


def test_the_group_sends_what_renews_the_lease_through_the_wrapped_method() -> None:
    """Heartbeats and SyncGroup: both leave through `GroupCoordinator._send_req`."""
    module = inspect.getsource(inspect.getmodule(GroupCoordinator))
    assert "await self._coordinator._send_req(request)" in module
    assert module.count("request = SyncGroupRequest(") == 2


def test_what_is_fetched_is_made_by_the_method_that_is_replaced() -> None:
    """With fewer fields than aiokafka's own record has."""
    assert set(Fetched.__struct_fields__) <= {field.name for field in dataclasses.fields(aiokafka.ConsumerRecord)}
    assert "consumer_record = self._consumer_record(tp, record)\n" in inspect.getsource(
        PartitionRecords._unpack_records
    )


def test_the_transport_takes_a_consumer_and_a_producer_of_ours() -> None:
    assert driver.Transport.Consumer is driver.Consumer
    assert driver.Transport.Producer is driver.Producer
