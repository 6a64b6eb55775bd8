"""Mail: what is known after each step of handing it over, and how the way there is guarded."""

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from certificates import Authority
from chat_services.smtp import PASSWORD, USER, FakeSmtp
from notices import START, message

from agents.notifier.http import Outcome
from agents.notifier.names import Names
from agents.notifier.senders.mail import MailSender
from streams.instants import SECOND

DESK, LEAD = "desk@example.com", "lead@example.com"


@pytest.fixture
async def server() -> AsyncIterator[FakeSmtp]:
    async with FakeSmtp() as server:
        yield server


def sender(server: FakeSmtp, security: str = "none", *, to: tuple[str, ...] = (DESK,), **more: Any) -> MailSender:
    login: dict[str, Any] = {"username": USER, "password": PASSWORD} | more
    return MailSender("127.0.0.1", server.port, security, "sla@example.com", to, SECOND, lambda: START, **login)


@pytest.mark.parametrize(
    ("verb", "reply", "outcome"),
    [
        ("CONNECT", "554 no", Outcome.FAILED),
        ("CONNECT", "421 busy", Outcome.FAILED),
        ("CONNECT", "drop", Outcome.FAILED),
        ("CONNECT", "hang", Outcome.FAILED),
        ("EHLO", "hang", Outcome.FAILED),
        ("AUTH", "454 4.7.0 later", Outcome.FAILED),
        ("AUTH", "535 5.7.8 wrong", Outcome.REFUSED),
        ("MAIL", "451 4.3.0 later", Outcome.FAILED),
        ("MAIL", "550 5.7.1 not from you", Outcome.REFUSED),
        ("RCPT", "450 4.2.1 greylisted", Outcome.FAILED),
        ("RCPT", "550 5.1.1 nobody", Outcome.REFUSED),
        ("RCPT", "drop", Outcome.FAILED),
        ("DATA", "451 4.3.0 later", Outcome.FAILED),
        ("DATA", "554 5.5.1 no", Outcome.REFUSED),
        (".", "452 4.3.1 full", Outcome.FAILED),
        (".", "552 5.3.4 too big", Outcome.REFUSED),
        (".", "drop", Outcome.UNKNOWN),
        (".", "hang", Outcome.UNKNOWN),
        ("QUIT", "drop", Outcome.SENT),
        ("QUIT", "421 whatever", Outcome.SENT),
    ],
)
async def test_what_is_known_after_each_step(server: FakeSmtp, verb: str, reply: str, outcome: Outcome) -> None:
    server.replies[verb] = reply
    result = await sender(server).send(message(), repeat=False)
    assert result.outcome is outcome
    assert len(server.taken) == (outcome is Outcome.SENT)
    for secret in (PASSWORD, DESK, str(server.port)):
        assert secret not in result.error
    if reply[0].isdigit() and outcome is not Outcome.SENT:
        assert reply[:3] in result.error


async def test_those_whom_the_server_takes_get_it_once(server: FakeSmtp, caplog: pytest.LogCaptureFixture) -> None:
    server.refused[LEAD] = "550 5.1.1 nobody"
    result = await sender(server, to=(DESK, LEAD)).send(message(), repeat=False)
    assert result.outcome is Outcome.SENT
    assert result.error == "1 of 2 recipients refused: SMTP 550 5.1.1"
    assert [mail.to for mail in server.taken] == [(DESK,)]
    assert "reached only some" in caplog.text
    assert LEAD not in caplog.text


async def test_a_repeat_has_the_id_of_the_first(server: FakeSmtp) -> None:
    for repeat in (False, True):
        await sender(server).send(message(), repeat=repeat)
    first, second = (mail.message for mail in server.taken)
    assert first["Message-ID"] == second["Message-ID"] == "<000000000000000000000001.raised.desk.slawatch@example.com>"
    assert first["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_nothing_crosses_without_tls_that_is_asked_for(tmp_path: Path, security: str) -> None:
    authority = Authority(tmp_path, "house")
    certificate = authority.issue("smtp")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate.certificate, certificate.key)
    trusting = ssl.create_default_context(cafile=str(authority.file))
    async with FakeSmtp(tls=tls, implicit=security == "tls") as guarded:
        assert (await sender(guarded, security, tls=trusting).send(message(), repeat=False)).outcome is Outcome.SENT
        before = list(guarded.seen)
        result = await sender(guarded, security).send(message(), repeat=False)  # does not know the authority
        assert result.outcome is Outcome.FAILED
        assert "certificate is not accepted" in result.error
        assert "AUTH" not in guarded.seen[len(before) :]
        assert len(guarded.taken) == 1


async def test_a_server_without_starttls_gets_no_password(server: FakeSmtp) -> None:
    result = await sender(server, "starttls").send(message(), repeat=False)
    assert result.outcome is Outcome.FAILED  # and tried again: somebody on the way may have taken the offer out
    assert "does not offer the security" in result.error
    assert "AUTH" not in server.seen


async def test_a_server_without_an_address_is_a_failure_for_now(server: FakeSmtp) -> None:
    result = await replace(sender(server), host="nowhere.invalid").send(message(), repeat=False)
    assert result.outcome is Outcome.FAILED
    assert result.error == "its name leads to no address"


async def test_a_name_whose_servers_do_not_answer_holds_up_no_other(server: FakeSmtp) -> None:
    answer = threading.Event()

    def lookup(host: str, port: int, *_: object) -> list[tuple[object, ...]]:
        if host.startswith("dead"):
            answer.wait()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    def to(host: str) -> MailSender:
        return replace(sender(server), host=host, names=Names(lookup))

    dead = [asyncio.create_task(to(f"dead-{n}.example").send(message(), repeat=False)) for n in range(40)]
    await asyncio.sleep(0)
    assert (await asyncio.wait_for(to("well.example").send(message(), repeat=False), 1)).outcome is Outcome.SENT
    assert {result.outcome for result in await asyncio.gather(*dead)} == {Outcome.FAILED}
    answer.set()


def test_a_sender_does_not_show_its_password(server: FakeSmtp) -> None:
    assert PASSWORD not in repr(sender(server))
    assert USER not in repr(sender(server))
