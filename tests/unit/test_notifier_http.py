"""One attempt against a chat that misbehaves: what is known after it."""

import time
from collections.abc import AsyncIterator
from email.utils import formatdate

import aiohttp
import pytest
from fake_chat import Answer, FakeChat, answers, drops, hangs, redirects, trickles
from notices import START, alert_record, message

from agents.notifier.http import LONGEST_RETRY_AFTER, Outcome, Sender, open_session, retry_after
from agents.notifier.slack import SlackSender
from agents.notifier.webhook import WebhookSender
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
    assert str(chat.port) not in result.error


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
