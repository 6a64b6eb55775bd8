"""The page on which an alert is acknowledged: the button alone acts, once, and the page says done when it is."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer
from notices import START, Clock

from agents.ack.events import NotWritten, event_id
from agents.ack.links import Keys, Link
from agents.ack.page import HEADERS, AckPage
from agents.ack.taking import Taking
from agents.ack.uses import MemoryUses, Use, UsesUnavailable
from agents.ack.words import CHINESE, ENGLISH, LANGUAGES, spoken
from streams.events import AlertAcknowledged
from streams.instants import SECOND

KEYS = Keys(["s" * 32])
ALERT = "a" * 24


class Uses(MemoryUses):
    away = False

    async def of(self, alert_id: str) -> Use | None:
        if self.away:
            raise UsesUnavailable("away")
        return await super().of(alert_id)


@dataclass
class Site:
    """A page, and what came of it."""

    clock: Clock = field(default_factory=Clock)
    written: list[AlertAcknowledged] = field(default_factory=list)
    kafka_away: bool = False
    client: Any = None
    uses: Uses = field(init=False)

    def __post_init__(self) -> None:
        self.uses = Uses(self.clock)

    async def write(self, event: AlertAcknowledged) -> None:
        await asyncio.sleep(0)
        if self.kafka_away:
            raise NotWritten("away")
        self.written.append(event)

    def path(self, **changed: Any) -> str:
        link = Link(ALERT, "T-1", "desk", START // SECOND + 60, "nonce")._replace(**changed)
        return "/ack/" + KEYS.sign(link)

    async def get(self, path: str, **headers: str) -> tuple[ClientResponse, str]:
        async with self.client.get(path, headers={k.replace("_", "-"): v for k, v in headers.items()}) as response:
            return response, await response.text()

    async def press(
        self, path: str, *, by: str = "Li Wei", note: str = "", proof: str | None = None, **headers: str
    ) -> tuple[ClientResponse, str]:
        proof = KEYS.proof(path.rpartition("/")[2]) if proof is None else proof
        data = {"by": by, "note": note, "proof": proof}
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.client.post(path, data=data, headers=headers) as response:
            return response, await response.text()


@contextlib.asynccontextmanager
async def opened(**options: Any) -> AsyncIterator[Site]:
    site = Site()
    page = AckPage(KEYS, Taking(site.uses, site.write, site.clock), site.clock, **options)
    async with TestClient(TestServer(page.app())) as client:
        site.client = client
        yield site


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with opened() as one:
        yield one


async def test_the_button_acknowledges_with_who_and_when(site: Site) -> None:
    response, text = await site.press(site.path(), by=" Li  Wei ", note="on it")
    assert response.status == 200
    assert "Acknowledged by Li Wei" in text
    (event,) = site.written
    assert (event.event_id, event.alert_id, event.ticket_id) == (event_id(ALERT), ALERT, "T-1")
    assert (event.by, event.note, event.at) == ("Li Wei", "on it", START)


async def test_the_form_that_is_shown_is_the_one_that_acts(site: Site) -> None:
    path = site.path()
    _, text = await site.get(path)
    fields = dict(re.findall(r'name="(\w+)"[^>]*?value="([^"]+)"', text))
    assert text.count("<button>") == 1
    response, _ = await site.press(path, proof=fields["proof"])
    assert response.status == 200
    assert len(site.written) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_no_other_request_acts_so_no_preview_and_no_scanner_does(site: Site, method: str) -> None:
    for _ in range(3):
        async with site.client.request(method, site.path(), params={"by": "Li Wei"}) as response:
            await response.read()
    assert site.written == []
    response, text = await site.get(site.path())
    assert response.status == 200
    assert ENGLISH["button"] in text


async def test_it_is_taken_once_whichever_of_its_links_is_used(site: Site) -> None:
    await site.press(site.path(), by="first")
    for path in (site.path(), site.path(nonce="other"), site.path(destination="boss")):
        for _, text in (await site.press(path, by="second"), await site.get(path)):
            assert "Acknowledged already by first" in text
    assert [event.by for event in site.written] == ["first"]


async def test_of_many_at_once_one_acknowledges(site: Site) -> None:
    answers = await asyncio.gather(*(site.press(site.path(nonce=str(n)), by=f"p{n}") for n in range(10)))
    assert len(site.written) == 1
    assert sum("Done." in text for _, text in answers) == 1


async def test_while_kafka_is_away_the_page_says_that_nothing_is_done_and_it_can_be_tried_again(site: Site) -> None:
    site.kafka_away = True
    for _ in range(2):
        response, text = await site.press(site.path())
        assert response.status == 503
        assert "NOT" in text
        assert ENGLISH["again"] in text
    site.kafka_away = False
    response, text = await site.press(site.path())
    assert (response.status, len(site.written)) == (200, 1)
    assert "Done." in text


async def test_while_redis_is_away_nothing_is_done(site: Site) -> None:
    site.uses.away = True
    for response, text in (await site.get(site.path()), await site.press(site.path())):
        assert response.status == 503
        assert "NOT" in text
    assert site.written == []


async def test_expired_and_forged_links_have_pages_of_their_own(site: Site) -> None:
    expired = site.path(expires=START // SECOND)
    for response, text in (await site.get(expired), await site.press(expired)):
        assert response.status == 410
        assert "expired" in text
    forged = site.path()[:-3] + "AAA"
    for response, text in (await site.get(forged), await site.press(forged)):
        assert response.status == 403
        assert "not a link of ours" in text
    assert site.written == []


@pytest.mark.parametrize("came_from", ["cross-site", "same-site", "none"])
async def test_a_form_of_another_site_is_refused(site: Site, came_from: str) -> None:
    response, _ = await site.press(site.path(), Sec_Fetch_Site=came_from)
    assert (response.status, site.written) == (403, [])
    response, _ = await site.press(site.path(), Sec_Fetch_Site="same-origin")
    assert response.status == 200


@pytest.mark.parametrize("proof", ["", "x", "é"])
async def test_a_form_without_the_proof_is_refused(site: Site, proof: str) -> None:
    response, _ = await site.press(site.path(), proof=proof)
    assert (response.status, site.written) == (403, [])


async def test_somebody_has_to_take_it(site: Site) -> None:
    for nobody in ("", "  ", "\u200b\u202e"):
        response, text = await site.press(site.path(), by=nobody)
        assert (response.status, site.written) == (422, [])
        assert ENGLISH["no_name"] in text


async def test_every_answer_has_the_strict_headers(site: Site) -> None:
    for path in (site.path(), "/ack/forged", "/elsewhere"):
        response, _ = await site.get(path)
        for name, value in HEADERS.items():
            assert response.headers[name] == value, path


async def test_nothing_of_a_link_is_markup(site: Site) -> None:
    _, text = await site.get(site.path(ticket_id='<script>"&\u202e', destination="<b>"))
    assert "<script>" not in text
    assert "<b>" not in text
    assert "&lt;script&gt;&quot;&amp;" in text
    _, text = await site.press(site.path(), by="<img src=x>")
    assert "<img" not in text


async def test_whom_the_proxy_names_is_who_took_it_and_nothing_typed_counts() -> None:
    async with opened(user_header="X-Forwarded-User") as site:
        _, text = await site.get(site.path(), X_Forwarded_User="wei@example.com")
        assert 'name="by"' not in text
        assert "wei@example.com" in text
        for response, _ in (await site.get(site.path()), await site.press(site.path(), by="somebody else")):
            assert response.status == 403
        assert site.written == []
        await site.press(site.path(), by="somebody else", X_Forwarded_User="wei@example.com")
        assert [event.by for event in site.written] == ["wei@example.com"]


async def test_a_form_that_is_too_large_is_refused(site: Site) -> None:
    response, _ = await site.press(site.path(), note="x" * 5000)
    assert (response.status, site.written) == (413, [])


async def test_the_page_speaks_the_browsers_language(site: Site) -> None:
    _, text = await site.get(site.path(), Accept_Language="zh-CN,zh;q=0.9,en;q=0.8")
    assert CHINESE["button"] in text
    assert '<html lang="zh">' in text


def test_languages_say_the_same() -> None:
    for words in LANGUAGES.values():
        assert words.keys() == ENGLISH.keys()
        for key, text in words.items():
            assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", ENGLISH[key]))
            assert text.strip()
    assert spoken("de-DE, fr") is ENGLISH
    assert spoken(None, "zh") is CHINESE
    assert spoken("fr, zh-TW;q=0.5") is CHINESE
