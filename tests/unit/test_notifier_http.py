"""One attempt against a chat that misbehaves: what is known after it."""

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator
from email.utils import formatdate
from pathlib import Path

import aiohttp
import pytest
from certificates import Authority
from fake_chat import Answer, FakeChat, answers, breaks_off, drops, hangs, redirects, trickles
from notices import START, alert_record, message

from agents.notifier.http import LONGEST_RETRY_AFTER, Outcome, Sender, open_session, retry_after
from agents.notifier.senders.slack import SlackSender
from agents.notifier.senders.webhook import WebhookSender
from streams.instants import MINUTE, SECOND

TIMEOUT = 300_000  # microseconds


@pytest.fixture
async def chat() -> AsyncIterator[FakeChat]:
    async with FakeChat() as chat:
        yield chat


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_session() as session:
        yield session


@pytest.fixture(params=["webhook", "slack"])
def sender(request: pytest.FixtureRequest, chat: FakeChat, session: aiohttp.ClientSession) -> Sender:
    """The same contract for every kind of chat."""
    if request.param == "webhook":
        return WebhookSender(session, chat.url("/desk"), {"X-Key": "k"}, TIMEOUT, lambda: START)
    return SlackSender(session, chat.url("/desk"), TIMEOUT, lambda: START)


async def test_a_message_that_was_taken(chat: FakeChat, sender: Sender) -> None:
    assert (await sender.send(message(), repeat=False)).outcome is Outcome.SENT
    (post,) = chat.posts
    assert post.headers["content-type"] == "application/json"
    assert abs(post.at - time.time()) < 60
    assert "overdue 2m: ticket T-1" in post.body["text"]


@pytest.mark.parametrize(
    ("answer", "outcome", "says"),
    [
        (answers(500, "boom"), Outcome.FAILED, "HTTP 500 boom"),
        (answers(503), Outcome.FAILED, "HTTP 503"),
        (answers(429), Outcome.FAILED, "HTTP 429"),
        (answers(408), Outcome.FAILED, "HTTP 408"),
        (answers(504), Outcome.UNKNOWN, "HTTP 504"),
        (answers(400, "invalid_payload"), Outcome.REFUSED, "HTTP 400 invalid_payload"),
        (answers(403, "action_prohibited"), Outcome.REFUSED, "HTTP 403 action_prohibited"),
        (answers(404, "channel_not_found"), Outcome.REFUSED, "HTTP 404 channel_not_found"),
        (answers(410, "channel_is_archived"), Outcome.REFUSED, "HTTP 410 channel_is_archived"),
        (hangs, Outcome.UNKNOWN, "no answer in time"),
        (trickles, Outcome.UNKNOWN, "no answer in time"),
        (drops, Outcome.UNKNOWN, ""),
        (breaks_off, Outcome.UNKNOWN, ""),
    ],
)
async def test_what_is_known_after_a_failure(
    chat: FakeChat, sender: Sender, answer: Answer, outcome: Outcome, says: str
) -> None:
    chat.always("/desk", answer)
    result = await sender.send(message(), repeat=False)
    assert result.outcome is outcome
    assert says in result.error
    assert str(chat.port) not in result.error
    assert len(chat.posts) == 1


async def test_a_refused_connection_is_a_definite_failure(chat: FakeChat, sender: Sender) -> None:
    await chat.refuse()
    result = await sender.send(message(), repeat=False)
    assert result.outcome is Outcome.FAILED
    assert result.error == "Connection refused"


async def test_a_server_that_cannot_be_reached_is_said_in_words_without_its_address(
    session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """And is a definite failure: nothing was sent."""
    certificate = Authority(tmp_path, "unknown").issue("chat")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate.certificate, certificate.key)
    async with FakeChat(tls=tls) as guarded:
        for url, says in (
            (guarded.url("/secret"), "its certificate is not accepted: "),
            ("http://nowhere.invalid/secret", "its name leads to no address"),
        ):
            result = await WebhookSender(session, url, {}, SECOND, lambda: START).send(message(), repeat=False)
            assert result.outcome is Outcome.FAILED
            assert says in result.error
            assert "secret" not in result.error
            assert "nowhere" not in result.error
        assert not guarded.posts


async def test_a_name_whose_servers_do_not_answer_holds_up_no_other(chat: FakeChat) -> None:
    answer = threading.Event()

    def lookup(host: str, port: int, *_: object) -> list[tuple[object, ...]]:
        if host.startswith("dead"):
            answer.wait()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    async with open_session(lookup) as session:

        def to(host: str) -> WebhookSender:
            return WebhookSender(session, f"http://{host}:{chat.port}/{host}", {}, 4 * SECOND, lambda: START)

        dead = [asyncio.create_task(to(f"dead-{n}.example").send(message(), repeat=False)) for n in range(40)]
        await asyncio.sleep(0)
        result = await asyncio.wait_for(to("well.example").send(message(), repeat=False), 1.5)
        assert result.outcome is Outcome.SENT
        results = await asyncio.gather(*dead)
        assert {(r.outcome, r.error) for r in results} == {(Outcome.FAILED, "no connection in time")}
    answer.set()
    assert [post.path for post in chat.posts] == ["/well.example"]


async def test_a_server_that_breaks_off_in_the_handshake_has_taken_nothing(session: aiohttp.ClientSession) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"What is this?\r\n")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        result = await WebhookSender(session, url, {}, SECOND, lambda: START).send(message(), repeat=False)
    assert result.outcome is Outcome.FAILED
    assert "no TLS" in result.error


async def test_an_answer_of_any_length_is_read_no_further_than_needed(chat: FakeChat, sender: Sender) -> None:
    chat.once("/desk", answers(200, "x" * (10 << 20)), answers(500, "x" * (10 << 20)))
    first, second = [await sender.send(message(), repeat=False) for _ in range(2)]
    assert first.outcome is (Outcome.SENT if isinstance(sender, WebhookSender) else Outcome.FAILED)
    assert second.outcome is Outcome.FAILED
    assert len(second.error) < 300


async def test_redirects_are_not_followed(chat: FakeChat, sender: Sender) -> None:
    chat.always("/desk", redirects(chat.url("/elsewhere")))
    result = await sender.send(message(), repeat=False)
    assert result.outcome is Outcome.REFUSED
    assert not chat.to("/elsewhere")


async def test_slack_took_it_only_if_it_says_ok(chat: FakeChat, session: aiohttp.ClientSession) -> None:
    sender = SlackSender(session, chat.url("/desk"), TIMEOUT, lambda: START)
    chat.once("/desk", answers(200, "no_service"), answers(200, ""), answers(200, "ok\n"))
    outcomes = [(await sender.send(message(), repeat=False)).outcome for _ in range(3)]
    assert outcomes == [Outcome.FAILED, Outcome.FAILED, Outcome.SENT]


async def test_a_webhook_took_it_whatever_it_says(chat: FakeChat, session: aiohttp.ClientSession) -> None:
    sender = WebhookSender(session, chat.url("/desk"), {"X-Key": "k"}, TIMEOUT, lambda: START)
    chat.once("/desk", answers(200, '{"error": "x"}'), answers(204), answers(202, "queued"))
    outcomes = [(await sender.send(message(), repeat=False)).outcome for _ in range(3)]
    assert outcomes == [Outcome.SENT] * 3
    assert {post.headers["x-key"] for post in chat.posts} == {"k"}
    assert chat.posts[0].body.items() >= alert_record().items()


async def test_a_servers_patience_is_read_from_the_answer(chat: FakeChat, sender: Sender) -> None:
    in_a_minute = formatdate((START + MINUTE) / SECOND, usegmt=True)
    chat.once("/desk", answers(429, Retry_After="7"), answers(503, Retry_After=in_a_minute), answers(429))
    waits = [(await sender.send(message(), repeat=False)).retry_after for _ in range(3)]
    assert waits == [7 * SECOND, MINUTE, None]


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("0", 0),
        ("120", 120 * SECOND),
        (" 3 ", 3 * SECOND),
        ("99999999999999999999", LONGEST_RETRY_AFTER),
        (formatdate((START - MINUTE) / SECOND, usegmt=True), 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_RETRY_AFTER),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("1.5", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_never_longer_than_an_hour(header: str | None, wait: int | None) -> None:
    assert retry_after(header, START) == wait
