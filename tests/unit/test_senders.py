"""One contract for every kind of destination, each against a fake of its service that refuses what the service does."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from fake_chat import answers, drops, hangs, redirects
from notices import START, alert_record, message
from senders import (
    ACKS,
    ATTACKS,
    BOARD,
    FIELDS,
    HTTP_ERRORS,
    KINDS,
    OVER_HTTP,
    TICKETS,
    TO,
    Kind,
    Site,
    Somebody,
    digest,
    presentation,
)
from waiting import eventually

from agents.notifier.http import Editor, Outcome, Result
from agents.notifier.message import Message, read_alert
from config.destinations import KINDS as CONFIGURED
from streams.instants import MINUTE, SECOND

LONG = 60.0
"""Seconds by which the service's clock moves where its limits are not the matter."""


@pytest.fixture(params=KINDS)
async def site(request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    async with Site(KINDS[request.param]) as site:
        yield site


@pytest.fixture(params=OVER_HTTP)
async def web(request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    async with Site(KINDS[request.param]) as site:
        yield site


async def delivered(site: Site, one: Message, look: Any = None, *, repeat: bool = False) -> Any:
    """The body of a message that the service takes, now that it has rested."""
    site.clock.now += 2 * MINUTE
    result = await site.sender(look).send(one, repeat=repeat)
    assert result.outcome is Outcome.SENT, result
    return site.fake.taken[-1]


def of(record: dict[str, Any]) -> Message:
    return Message(read_alert(msgspec.json.encode(record)), "desk")


def shown(body: Any) -> str:
    """Everything that a body says."""
    if hasattr(body, "raw"):
        return body.message["subject"] + body.part("plain") + body.part("html")
    return msgspec.json.encode(body).decode()


async def test_a_message_is_taken_and_says_once_that_it_may_repeat(site: Site) -> None:
    first = await delivered(site, message())
    assert "T-1" in shown(first)
    assert "repeat" not in shown(first)
    again = await delivered(site, message(), repeat=True)
    assert "repeat" in shown(again)
    assert len(site.fake.taken) == 2


@pytest.mark.parametrize("target", ["first_response", "complaint_resolution"])
@pytest.mark.parametrize("language", ["en", "zh"])
async def test_a_lock_screen_says_the_essential_in_its_first_80_characters(
    site: Site, language: str, target: str
) -> None:
    one = message(target=target, level="escalation", step=3, ticket_id="ACME-204817", elapsed_seconds=90_000.0)
    seen = site.kind.lock_screen(await delivered(site, one, presentation(language)))[:80]
    words = presentation(language).words
    for part in ("24小时" if language == "zh" else "24h", words[target], "ACME"):
        assert part in seen.replace("－", "-"), seen


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_a_card_holds_what_a_supervisor_asks_first(site: Site, language: str) -> None:
    body = shown(await delivered(site, message(team="paris"), presentation(language)))
    if site.kind.service == "webhook":
        assert body.count("T-1") >= 2
        return
    plain = body.replace("－", "-").replace("（", "(").replace("）", ")")
    wanted = ["2026-03-02 ", "10:58", "Europe/Paris", "urgent", "paris", "chat"]  # 09:58Z on Paris's clock
    for part in [*wanted, presentation(language).words["deadline"], TICKETS + "T-1", ACKS]:
        assert part in plain, part


async def test_of_people_only_what_is_switched_on_is_shown(site: Site) -> None:
    one = message(agent_id="ag-77", agent="Agent Seven", customer_id="cu-88", subject="Where is my parcel")
    quiet = shown(await delivered(site, one))
    told = shown(await delivered(site, one, presentation(show=frozenset({"agent", "customer"}))))
    for part in ("ag.77", "Agent Seven", "cu.88", "Where is my parcel"):
        assert not re.search(part, quiet)
        assert re.search(part, told)


@pytest.mark.parametrize("person", ["U0ONCALL", None])
async def test_the_person_on_call_is_called_and_nobody_else(site: Site, person: str | None) -> None:
    somebody = Somebody() if person else replace(Somebody(), ids=dict.fromkeys(Somebody().ids, "@all"))
    body = await delivered(site, message(), presentation(on_call=lambda *_: somebody))
    assert "On Call" in shown(body)
    own = somebody.ids.get(site.kind.service)
    always = {TO} if site.kind.service == "email" else set()
    called = {own} if person and site.kind.service not in ("webhook", "apprise") else set()
    assert site.kind.acts(body).mentions == called | always


@pytest.mark.parametrize("known", ["13800000000", "+852-60000000", "manager42", "0123456789012345678"])
async def test_dingtalk_calls_people_by_their_mobile_number_too(known: str) -> None:
    somebody = replace(Somebody(), ids={"dingtalk": known})
    async with Site(KINDS["dingtalk"]) as site:
        body = await delivered(site, message(), presentation(on_call=lambda *_: somebody))
    at = body["at"]
    assert site.kind.acts(body).mentions == {known}
    assert at["atMobiles"] == ([known] if known.startswith(("1", "+")) else [])
    assert at["atUserIds"] + at["atMobiles"] == [known], "and nobody else"


def acts_no_more(site: Site, attacked: Any, harmless: Any) -> None:
    """What acts in the body is what acts in a harmless one, but for the ticket's own address."""
    here, there = site.kind.acts(attacked), site.kind.acts(harmless)
    assert here.mentions == there.mentions
    assert here.formats <= there.formats
    for link in here.links - there.links:
        assert link.startswith(TICKETS), link
        assert re.fullmatch(r"[A-Za-z0-9%._~-]+", link.removeprefix(TICKETS)), link
    text = shown(attacked)
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b\ufeff\u2028\U000e0000-\U000e007f]", text) or (
        site.kind.service == "webhook"
    )


@pytest.mark.parametrize("attack", ATTACKS, ids=range(len(ATTACKS)))
async def test_ticket_text_is_data(site: Site, attack: str) -> None:
    """In the fields that a title is made of, each alone, and in all that a card shows at once."""
    look = presentation(show=frozenset({"agent", "customer"}))
    calm = {"level": "escalation", "step": 1, "subject": "x", "acknowledged_by": "x"}
    harmless = await delivered(site, message(**calm), look)
    for fields in (("ticket_id",), ("level",), ("team", "channel"), FIELDS):
        acts_no_more(site, await delivered(site, message(**(calm | dict.fromkeys(fields, attack))), look), harmless)
    ours = {"level": "operations", "ticket_id": "", "target": "input"}
    harmless = await delivered(site, message(**ours, message="x"), look)
    acts_no_more(site, await delivered(site, message(**ours, message=attack), look), harmless)


@pytest.mark.parametrize("attack", ATTACKS, ids=range(len(ATTACKS)))
async def test_ticket_text_is_data_in_a_digest_and_in_a_name(site: Site, attack: str) -> None:
    somebody = Somebody()
    quiet = digest()
    wild = digest(
        counts=[dict(row, team=attack, priority=attack, level=attack) for row in quiet["counts"]],
        worst=[alert_record(ticket_id=attack, team=attack, priority=attack, target=attack) for _ in range(5)],
    )
    bodies = []
    for record, name in ((quiet, "On Call"), (wild, attack)):
        look = presentation(on_call=lambda *_, name=name: replace(somebody, name=name))
        bodies.append(await delivered(site, of(record), look))
    acts_no_more(site, bodies[1], bodies[0])


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_a_digest_says_how_many_by_team_and_the_five_worst(site: Site, language: str) -> None:
    body = await delivered(site, of(digest()), presentation(language))
    assert "1,234" in site.kind.lock_screen(body)[:80]
    if site.kind.service == "webhook":
        assert len(body["alert_ids"]) == 1234
        return
    text = shown(body).replace("－", "-")
    for part in ("billing", "1,000", "tech", "200", "34", BOARD, *(f"T-{number}" for number in range(5))):
        assert part in text


@pytest.mark.parametrize("kind", ["raised", "corrected", "recovered", "acknowledged"])
async def test_every_kind_of_alert_has_a_card(site: Site, kind: str) -> None:
    done = {"acknowledged_by": "On Call", "acknowledged_at": "2026-03-02T10:01:00Z"} if kind == "acknowledged" else {}
    body = shown(await delivered(site, message(kind=kind, **done)))
    if done:
        assert "On Call" in body
        if site.kind.service != "webhook":
            assert "18:01" in body
    await delivered(site, message(level="operations", message="input stalled for 5m", ticket_id="", target="input"))


@pytest.mark.parametrize("answer", ["hangs", "drops"])
async def test_what_was_sent_and_not_answered_cannot_be_known(site: Site, answer: str) -> None:
    if site.kind.service == "email":
        site.fake.replies["."] = "hang" if answer == "hangs" else "drop"
    else:
        site.fake.stuck = {"hangs": hangs, "drops": drops}[answer]
    result = await site.sender().send(message(), repeat=False)
    assert result.outcome is Outcome.UNKNOWN
    assert result.error


async def test_where_nobody_listens_nothing_was_sent(site: Site) -> None:
    await site.fake.refuse()
    result = await site.sender().send(message(), repeat=False)
    apart = site.kind.service == "apprise"  # it does not say why
    assert result.outcome is (Outcome.UNKNOWN if apart else Outcome.FAILED)
    assert str(site.fake.port) not in result.error


async def test_redirects_are_not_followed(site: Site) -> None:
    if site.kind.service == "email":
        return
    site.fake.stuck = redirects(site.fake.url("/elsewhere"))
    result = await site.sender().send(message(), repeat=False)
    assert result.outcome is (Outcome.UNKNOWN if site.kind.service == "apprise" else Outcome.REFUSED)
    assert not site.fake.to("/elsewhere")


async def test_what_a_status_means(web: Site) -> None:
    for status, body, headers, outcome in HTTP_ERRORS:
        web.fake.stuck = answers(status, body, **headers)
        result = await web.sender().send(message(), repeat=False)
        assert (status, result.outcome) == (status, Outcome[outcome])
        assert result.retry_after == (7 * SECOND if headers else None)


@pytest.mark.parametrize(
    ("kind", "status", "body", "headers", "outcome"),
    [(name, *error) for name, kind in KINDS.items() for error in kind.errors],
)
async def test_what_the_services_own_errors_mean(
    kind: str, status: int, body: Any, headers: dict[str, str], outcome: str
) -> None:
    async with Site(KINDS[kind]) as site:
        text = body if isinstance(body, str) else msgspec.json.encode(body).decode()
        site.fake.stuck = answers(status, text, **headers)
        result = await site.sender().send(message(), repeat=False)
        assert result.outcome is Outcome[outcome]
        assert bool(result.error) is (result.outcome is not Outcome.SENT)


@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if kind.wrong is not None])
async def test_a_wrong_secret_is_refused_for_good(kind: str) -> None:
    async with Site(KINDS[kind]) as site:
        result = await site.stranger().send(message(), repeat=False)
        assert result.outcome is Outcome.REFUSED
        assert not site.fake.taken


@pytest.mark.parametrize("kind", ["webhook", "dingtalk", "feishu"])
async def test_a_signature_is_of_its_hour(kind: str) -> None:
    async with Site(KINDS[kind]) as site:
        sender = site.sender()
        early = replace(sender, clock=lambda: START - 2 * 3600 * SECOND)
        assert (await early.send(message(), repeat=False)).outcome is Outcome.REFUSED
        assert (await sender.send(message(), repeat=False)).outcome is Outcome.SENT


@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if kind.limit])
async def test_over_the_services_limit_is_a_failure_for_now(kind: str) -> None:
    async with Site(KINDS[kind]) as site:
        limit = site.kind.limit
        assert limit is not None
        sender = site.sender()
        results = [await sender.send(message(number), repeat=False) for number in range(limit + 1)]
        assert [result.outcome for result in results] == [Outcome.SENT] * limit + [Outcome.FAILED]
        assert results[-1].retry_after
        site.clock.now += results[-1].retry_after
        assert (await sender.send(message(limit), repeat=False)).outcome is Outcome.SENT


@pytest.mark.parametrize("status", [200, 400, 500])
async def test_no_error_and_no_repr_holds_a_secret(web: Site, status: int) -> None:
    """Not even where the service repeats the whole request."""
    sender = web.sender()
    await sender.send(message(), repeat=False)
    request = web.fake.posts[-1]
    echo = f"{request.path} " + " ".join(request.headers.values())
    told = {"ok": False, "error": echo, "errcode": 5, "errmsg": echo, "code": 5, "msg": echo}
    web.fake.stuck = answers(status, msgspec.json.encode(told).decode())
    result = await sender.send(message(), repeat=False)
    held = result.error + repr(sender)
    for secret in re.findall(r"(?:xoxb-[\w-]+|SEC[\w]+|feishu-Secret[\w-]+|whsec-[\w-]+|k3y-\w+)", repr(vars(sender))):
        assert secret not in held
    for part in re.split(r"[/?&=]", request.path):
        assert len(part) < 12 or part not in held


@pytest.mark.parametrize("kind", ["raised", "recovered"])
async def test_an_editor_changes_the_message_that_it_sent(kind: str) -> None:
    async with Site(KINDS["slack-bot"]) as site:
        sender = site.sender()
        assert isinstance(sender, Editor)
        first = await sender.send(message(), repeat=False)
        assert first.reference
        changed = await sender.update(first.reference, message(kind=kind, acknowledged_by="On Call"))
        assert changed.outcome is Outcome.SENT
        assert len(site.fake.taken) == 1
        assert "On Call" in shown(site.fake.taken[0])
        for reference in ("C0123456789:1.000", "nonsense", ""):
            assert (await sender.update(reference, message())).outcome is Outcome.REFUSED


async def test_only_slacks_bot_can_change_a_message(site: Site) -> None:
    assert isinstance(site.sender(), Editor) is (site.kind is KINDS["slack-bot"])


async def test_a_message_can_belong_to_one_before_it(site: Site) -> None:
    """A reply in a thread, or a mail that answers one; elsewhere a message like any other."""
    sender = site.sender()
    first: Result = await sender.send(message(), repeat=False)
    site.clock.now += MINUTE
    second = await sender.send(replace(message(kind="recovered"), thread=first.reference), repeat=False)
    assert second.outcome is Outcome.SENT
    before, after = site.fake.taken
    if site.kind.service == "email":
        assert after.message["In-Reply-To"] == before.message["Message-ID"] == first.reference
    elif site.kind is KINDS["slack-bot"]:
        assert after["thread_ts"] == before["ts"]


async def test_an_attempt_ends_in_time_and_can_be_cancelled(site: Site) -> None:
    if site.kind.service == "email":
        site.fake.replies["EHLO"] = "hang"
    else:
        site.fake.stuck = hangs
    sending = asyncio.create_task(site.sender().send(message(), repeat=False))
    await asyncio.sleep(0.05)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(sending, 2)


async def test_apprise_has_one_attempt_at_a_time_and_waits_for_none_that_hangs() -> None:
    """Its call cannot be cut short: a server that answers a byte now and then keeps it for as long as it likes."""
    let_go = asyncio.Event()

    async def slowly(writer: asyncio.StreamWriter) -> None:
        for byte in b"HTTP/1.1 200 OK\r\n" + b"X-Slow: 1\r\n" * 200:
            if let_go.is_set():
                break
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.1)

    async with Site(KINDS["apprise"]) as site:
        sender = site.sender()
        site.fake.stuck = slowly
        assert (await sender.send(message(), repeat=False)).outcome is Outcome.UNKNOWN
        meanwhile = await sender.send(message(2), repeat=False)
        assert (meanwhile.outcome, len(site.fake.posts)) == (Outcome.FAILED, 1)
        let_go.set()
        site.fake.stuck = None

        async def sent() -> bool:
            return (await sender.send(message(2), repeat=False)).outcome is Outcome.SENT

        await eventually(sent, 10, what="the attempt that hung has come back, and others are sent")
        assert len(site.fake.taken) == 1


def test_every_kind_of_the_file_is_tried() -> None:
    assert list(KINDS) == list(CONFIGURED)
    assert isinstance(KINDS["slack"], Kind)
