"""`slawatch board` as a command: what it refuses, and how the pages of the process and of people are kept apart."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
import pytest
from click.testing import CliRunner
from hand_written import board, queue
from waiting import eventually
from wall import wall
from watching import SUPERVISOR, TOKENS

from agents.board.server import trust
from agents.cli import cli
from config.errors import ConfigError
from config.settings import describe_settings, load_settings

if TYPE_CHECKING:
    from services import RedisServer

SIGNED = {"BOARD_USER_HEADER": "X-Forwarded-User", "BOARD_PROXIES": "10.0.0.5"}


def settings(**given: str) -> dict[str, str]:
    return {f"SLAWATCH_{name.upper()}": value for name, value in given.items()}


@pytest.mark.parametrize("listen", ["0.0.0.0:8080", "10.0.0.1:80", "[::]:8080", "board.example.com:8080"])
def test_others_are_not_served_where_nothing_says_who_may_look(listen: str) -> None:
    with pytest.raises(ConfigError, match="SLAWATCH_BOARD_TOKENS"):
        trust(load_settings(settings(board_listen=listen)))
    for access in ({"board_tokens": TOKENS}, SIGNED):
        assert trust(load_settings(settings(board_listen=listen, **access))).configured


@pytest.mark.parametrize("listen", ["127.0.0.1:8080", "[::1]:8080", "localhost:80", "127.9.9.9:1"])
def test_this_machine_is_served_without_more_ado(listen: str) -> None:
    assert not trust(load_settings(settings(board_listen=listen))).configured


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"board_listen": "0.0.0.0:0", "redis": "redis://127.0.0.1:1/0"}, "nothing says who may look"),
        ({"board_listen": "127.0.0.1:0"}, "SLAWATCH_REDIS: not set"),
        ({"board_user_header": "X-User"}, "SLAWATCH_BOARD_PROXIES: missing"),
        ({"board_proxies": "10.0.0.1"}, "would not be used: set SLAWATCH_BOARD_USER_HEADER"),
        ({"board_roles": "admin=a3"}, "would not be used: set SLAWATCH_BOARD_USER_HEADER"),
        ({"board_tokens": "viewer:wall:short"}, "32 or more"),
    ],
)
def test_the_command_says_what_is_wrong(given: dict[str, str], said: str) -> None:
    done = CliRunner().invoke(cli, ["board"], env=settings(**given))
    assert isinstance(done.exception, ConfigError)  # exit code 2
    assert said in str(done.exception)
    assert "short" not in str(done.exception)


def test_tokens_are_masked_where_settings_are_listed() -> None:
    (line,) = [line for line in describe_settings(settings(board_tokens=TOKENS)) if line.name == "board_tokens"]
    assert line.value == "***"


async def test_metrics_and_health_are_not_where_people_look_and_readiness_follows_redis(
    redis_server: RedisServer, unique: str
) -> None:
    async with (
        wall(redis_server.url, unique, lambda now: [board(now, queue=[queue(open=3)])], partitions="1",
             board_tokens=TOKENS) as found,
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {SUPERVISOR}"}) as session,
    ):  # fmt: skip

        async def asked(url: str) -> tuple[int, str]:
            async with session.get(url) as answer:
                return answer.status, await answer.text()

        async def is_now(status: int) -> bool:
            return (await asked(found.metrics + "readyz"))[0] == status

        await eventually(lambda: is_now(200), what="it is ready")
        for path in ("metrics", "healthz", "readyz"):
            assert (await asked(found.url + path))[0] == 404
        assert (await asked(found.metrics + "healthz"))[0] == 200
        assert (await asked(found.metrics + "readyz"))[0] == 200

        async def watched() -> bool:  # the board's first picture may be older than the worker's
            return "sla_board_partitions_live 1.0" in (await asked(found.metrics + "metrics"))[1]

        await eventually(watched, what="the partition is live")
        await asyncio.to_thread(redis_server.kill)
        await eventually(lambda: is_now(503), what="it is not ready")
        _, text = await asked(found.metrics + "readyz")
        assert "SLAWATCH_REDIS" in text
        assert '"state":"blind"' in (await asked(found.url + "api/board"))[1]
        await asyncio.to_thread(redis_server.start)
        await eventually(lambda: is_now(200), what="it is ready again")
