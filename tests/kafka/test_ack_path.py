"""From a card's link, and from the command line, to the event that says who took an alert."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import aiohttp
import msgspec
from alerting import Alerting
from command_line import slawatch
from notices import alert_record
from services import free_ports
from waiting import eventually

from agents.ack.links import Keys, Link
from agents.topics import Topics
from streams.events import TOPIC_OF

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "s" * 40


async def events(alerting: Alerting) -> list[dict[str, Any]]:
    topic = Topics(alerting.house.prefix).name(TOPIC_OF["alert_acknowledged"])
    return [msgspec.json.decode(record.value) for record in await alerting.house.records(topic)]


async def test_the_button_behind_a_link_writes_who_took_the_alert_and_the_command_finds_it_taken(
    kafka: str, redis_url: str, unique: str, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    page = {
        "ack_url": f"http://127.0.0.1:{port}",
        "ack_listen": f"127.0.0.1:{port}",
        "ack_secret": SECRET,
    }
    async with Alerting(kafka, unique, tmp_path, redis=redis_url, **page) as alerting:
        (first, second) = await alerting.alert(2)
        await alerting.notifier("n1").ready()
        keys = Keys([SECRET])
        token = keys.sign(Link(first, alert_record(0)["ticket_id"], "desk", int(time.time()) + 60, "nonce"))
        url = f"http://127.0.0.1:{port}/ack/{token}"
        async with aiohttp.ClientSession() as browser:
            async with browser.get(url) as shown:
                assert shown.status == 200
            assert await events(alerting) == []
            async with browser.post(url, data={"by": "Li Wei", "proof": keys.proof(token)}) as done:
                assert done.status == 200
            async with browser.get(url) as shown:
                assert "Acknowledged already by Li Wei" in await shown.text()
        (event,) = await events(alerting)
        assert (event["type"], event["alert_id"], event["by"]) == ("alert_acknowledged", first, "Li Wei")

        settings = alerting.house.settings()
        done = await asyncio.to_thread(slawatch, "ack", "--ticket", "T-1", "--by", "Chen", "--note", "mine", **settings)
        assert done.returncode == 0, done.stderr
        assert second in done.stdout
        await eventually(lambda: _two(alerting))
        unknown = await asyncio.to_thread(slawatch, "ack", "f" * 24, "--by", "Chen", **settings)
        assert unknown.returncode == 1
        assert "still holds" in unknown.stderr


async def _two(alerting: Alerting) -> bool:
    return {event["by"] for event in await events(alerting)} == {"Li Wei", "Chen"}
