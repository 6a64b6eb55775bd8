"""A producer whose partition has no leader asks for one now and then, not as fast as it is answered."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from agents.engine.connection import BETWEEN, be_patient


class Client:
    def __init__(self) -> None:
        self.asked = 0
        self._md_update_fut: asyncio.Future[bool] | None = None

    def force_metadata_update(self) -> asyncio.Future[bool]:
        """Answers at once, as where the connection is refused."""
        self.asked += 1
        answer = asyncio.get_running_loop().create_future()
        answer.set_result(False)
        return answer


async def test_questions_are_a_while_apart_and_the_first_is_asked_at_once() -> None:
    client = Client()
    be_patient(SimpleNamespace(client=client))
    await client.force_metadata_update()
    assert client.asked == 1
    begun = asyncio.get_running_loop().time()
    calls = 0
    while client.asked < 4:
        await asyncio.wait([client.force_metadata_update()])
        calls += 1
    assert asyncio.get_running_loop().time() - begun >= 2.5 * BETWEEN
    assert calls < 20, "each call either asks or waits"


async def test_an_answer_that_is_under_way_is_waited_for_and_nothing_else() -> None:
    client = Client()
    be_patient(SimpleNamespace(client=client))
    await client.force_metadata_update()
    client._md_update_fut = asyncio.get_running_loop().create_future()
    begun = asyncio.get_running_loop().time()
    await client.force_metadata_update()
    assert asyncio.get_running_loop().time() - begun < BETWEEN / 2
