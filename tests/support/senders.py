"""Every kind of destination as its sender and the fake of its service, for the one suite that all of them pass."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import aiohttp
from chat_services import dingtalk, feishu, receiver, slack, smtp, teams, wecom
from chat_services.service import Acts, Service
from notices import START, Clock, alert_record

from agents.notifier.card import Presentation
from agents.notifier.http import Sender, open_session
from agents.notifier.senders.dingtalk import DingTalkSender
from agents.notifier.senders.feishu import FeishuSender
from agents.notifier.senders.mail import MailSender
from agents.notifier.senders.others import AppriseSender
from agents.notifier.senders.slack import SlackSender
from agents.notifier.senders.slack_bot import SlackBotSender
from agents.notifier.senders.teams import TeamsSender
from agents.notifier.senders.webhook import WebhookSender
from agents.notifier.senders.wecom import WeComSender
from streams.instants import SECOND, format_instant

TIMEOUT = SECOND
TICKETS, ACKS, BOARD = "https://desk.example.com/tickets/", "https://sla.example.com/ack/", "https://sla.example.com/"
FROM, TO = "sla@example.com", "desk@example.com"

ATTACKS = [
    "@all",
    "@everyone @here @channel",
    '<at user_id="all">all</at>',
    "<at>Somebody Else</at> <at id=all></at>",
    "<!channel> <!here>",
    "<@U012AB3CD> <@all>",
    "[click here](http://evil.example/x)",
    "<https://evil.example|click here>",
    "http://evil.example/x www.evil.example evil.example evil。com mailto:x@evil.example",
    "![x](https://evil.example/x.png)",
    "**bold** *bold* _it_ __it__ ~no~ ~~no~~ `code` ```block```",
    "# heading > quote - list",
    "- list",
    "1. list",
    "=== ---",
    "#tag &amp; a|b",
    "<b onmouseover=alert(1)>x</b><script>alert(1)</script><img src=x><!-- x --><font color=red>",
    "&lt;!channel&gt; &#64;all",
    "${alert} {{DATE(2017-02-14T06:08:00Z, SHORT)}} ${{x}}",
    ":rotating_light: :smile:",
    "\u202egnp.exe\u202c \u2066hidden\u2069 \u200b@\u200ball\ufeff\u2028",
    "line\nbreak\r\n\ttab\x00\x07\x1b[31m\n# heading\n> quote",
    "a\r\nBcc: victim@evil.example\r\n\r\nbody",
    "=?utf-8?q?=0D=0ABcc=3A_x=40evil.example?=",
    "\r\n.\r\nMAIL FROM:<x@evil.example>",
    "x" * 10_000,
    "超" * 10_000,
    "\U0001f525" * 10_000,
    '"}, {"injected": true',
    "%0d%0a../../..",
    "..",
    "\U000e0041\U000e0042 tags \ud7ff\uffff",
]
FIELDS = (
    *("ticket_id", "priority", "team", "channel", "policy", "target", "level", "step", "alert_id", "started_at"),
    *("acknowledged_by", "acknowledged_at", "agent", "agent_id", "customer", "customer_id", "subject", "comment"),
)
"""Every text of a record that a card may show."""


@dataclass(frozen=True)
class Somebody:
    """Who is on call."""

    name: str = "On Call"
    ids: dict[str, str] = field(
        default_factory=lambda: {
            "slack": "U0ONCALL",
            "teams": "oncall@example.com",
            "dingtalk": "oncall01",
            "wecom": "oncall01",
            "feishu": "ou_0123456789",
            "email": "oncall@example.com",
        }
    )


def presentation(language: str = "en", **more: Any) -> Presentation:
    """Cards with every link, by the clocks of two teams."""
    made: dict[str, Any] = {
        "language": language,
        "zone": ZoneInfo("Asia/Shanghai"),
        "zones": {"paris": ZoneInfo("Europe/Paris")},
        "ticket_url": TICKETS + "{ticket_id}",
        "acknowledge": lambda record: ACKS + "0123456789abcdef",
        "board_url": BOARD,
    }
    return Presentation(**(made | more))


def digest(**fields: Any) -> dict[str, Any]:
    """A digest of 1,234 alerts in a minute."""
    counts = [
        {"team": "billing", "priority": "urgent", "level": "breach", "count": 1000},
        {"team": "tech", "priority": None, "level": "warning", "count": 200},
        {"team": None, "priority": "low", "level": "breach", "count": 34},
    ]
    record = {
        "alert_id": "d" * 24,
        "kind": "digest",
        "level": "breach",
        "alert_ids": [f"{number:024x}" for number in range(1234)],
        "counts": counts,
        "worst": [alert_record(number) for number in range(5)],
        "since": format_instant(START - 60 * SECOND),
        "until": format_instant(START),
        "decided_at": format_instant(START),
    }
    return record | fields


class Kind(NamedTuple):
    """A kind of destination. `shown` reads the body that the service took; `slow` is by how much it asks to wait."""

    service: str
    fake: Callable[..., Any]
    make: Callable[[Any, aiohttp.ClientSession, Clock, Presentation], Sender]
    acts: Callable[[Any], Acts]
    lock_screen: Callable[[Any], str]
    wrong: Callable[[Any, aiohttp.ClientSession, Clock, Presentation], Sender] | None = None
    """With a secret that the service does not accept."""
    errors: tuple[tuple[int, Any, dict[str, str], str], ...] = ()
    """Answers that the service documents: status, body, headers, and the outcome that they mean."""
    limit: int | None = None
    """Messages that the service takes at one time."""


def _codes(field_: str, text: str, *known: tuple[int, str, str]) -> tuple[tuple[int, Any, dict[str, str], str], ...]:
    return tuple((200, {field_: code, text: words}, {}, outcome) for code, words, outcome in known)


def _words(*known: tuple[str, str]) -> tuple[tuple[int, Any, dict[str, str], str], ...]:
    return tuple((200, {"ok": False, "error": word}, {}, outcome) for word, outcome in known)


def _mail(server: smtp.FakeSmtp, clock: Clock, look: Presentation, password: str = smtp.PASSWORD) -> Sender:
    return MailSender(
        "127.0.0.1", server.port, "none", FROM, (TO,), TIMEOUT, clock, smtp.USER, password, presentation=look
    )


HTTP_ERRORS = (
    (500, "boom", {}, "FAILED"),
    (503, "", {"Retry_After": "7"}, "FAILED"),
    (429, "", {"Retry_After": "7"}, "FAILED"),
    (408, "", {}, "FAILED"),
    (504, "", {}, "UNKNOWN"),
    (400, "bad", {}, "REFUSED"),
    (404, "", {}, "REFUSED"),
    (403, "You have exceeded a rate limit", {}, "FAILED"),
)

KINDS: dict[str, Kind] = {
    "webhook": Kind(
        "webhook",
        receiver.FakeReceiver,
        lambda fake, session, clock, look: WebhookSender(
            session, fake.url(receiver.HOOK), {"X-Key": "k3y-0123456789"}, TIMEOUT, clock, look, receiver.SECRET
        ),
        receiver.record_acts,
        lambda body: body["text"],
        lambda fake, session, clock, look: WebhookSender(
            session, fake.url(receiver.HOOK), {}, TIMEOUT, clock, look, "another-secret-0123"
        ),
    ),
    "slack": Kind(
        "slack",
        slack.FakeSlack,
        lambda fake, session, clock, look: SlackSender(session, fake.url(slack.WEBHOOK), TIMEOUT, clock, look),
        slack.acts,
        slack.lock_screen,
        lambda fake, session, clock, look: SlackSender(session, fake.url("/services/T/B/other"), TIMEOUT, clock, look),
        (
            (400, "invalid_payload", {}, "REFUSED"),
            (403, "action_prohibited", {}, "REFUSED"),
            (404, "channel_not_found", {}, "REFUSED"),
            (410, "channel_is_archived", {}, "REFUSED"),
            (500, "rollup_error", {}, "FAILED"),
            (200, "no_service", {}, "FAILED"),
            (200, "", {}, "FAILED"),
        ),
        1,
    ),
    "slack-bot": Kind(
        "slack",
        slack.FakeSlackBot,
        lambda fake, session, clock, look: SlackBotSender(
            session, fake.url("/api"), slack.TOKEN, slack.CHANNEL, TIMEOUT, clock, look
        ),
        slack.acts,
        slack.lock_screen,
        lambda fake, session, clock, look: SlackBotSender(
            session, fake.url("/api"), "xoxb-another-token", slack.CHANNEL, TIMEOUT, clock, look
        ),
        (
            *_words(("invalid_auth", "REFUSED"), ("token_revoked", "REFUSED"), ("channel_not_found", "REFUSED")),
            *_words(("not_in_channel", "REFUSED"), ("is_archived", "REFUSED"), ("msg_too_long", "REFUSED")),
            *_words(("ratelimited", "FAILED"), ("rate_limited", "FAILED"), ("service_unavailable", "FAILED")),
            *_words(("internal_error", "UNKNOWN"), ("fatal_error", "UNKNOWN"), ("some_new_word", "FAILED")),
            (200, "<html>a proxy's page</html>", {}, "UNKNOWN"),
            (200, {"ok": "true"}, {}, "UNKNOWN"),
        ),
        1,
    ),
    "teams": Kind(
        "teams",
        teams.FakeTeams,
        lambda fake, session, clock, look: TeamsSender(session, fake.url(teams.PATH), TIMEOUT, clock, look),
        teams.acts,
        teams.lock_screen,
        lambda fake, session, clock, look: TeamsSender(session, fake.url("/other?sig=x"), TIMEOUT, clock, look),
        (
            (413, "Request Entity too large", {}, "REFUSED"),
            (401, {"error": {"code": "DirectApiAuthorizationRequired"}}, {}, "REFUSED"),
            (200, "failed: Microsoft Teams endpoint returned HTTP error 429 with ContextId x", {}, "FAILED"),
            (200, "failed: Microsoft Teams endpoint returned HTTP error 413 with ContextId x", {}, "REFUSED"),
            (200, "1", {}, "SENT"),
            (202, "", {}, "SENT"),
        ),
        4,
    ),
    "dingtalk": Kind(
        "dingtalk",
        dingtalk.FakeDingTalk,
        lambda fake, session, clock, look: DingTalkSender(
            session, fake.url(dingtalk.PATH), TIMEOUT, clock, look, dingtalk.SECRET
        ),
        dingtalk.acts,
        dingtalk.lock_screen,
        lambda fake, session, clock, look: DingTalkSender(
            session, fake.url(dingtalk.PATH), TIMEOUT, clock, look, "SECanother-secret"
        ),
        (
            *_codes("errcode", "errmsg", (-1, "系统繁忙", "FAILED"), (310000, "sign not match", "REFUSED")),
            *_codes("errcode", "errmsg", (300005, "token is not exist", "REFUSED"), (34016, "too long", "REFUSED")),
            *_codes("errcode", "errmsg", (130101, "send too fast", "FAILED"), (410100, "限流", "FAILED")),
            *_codes("errcode", "errmsg", (430102, "不合适", "REFUSED"), (987654, "a new one", "FAILED")),
            *_codes("errcode", "errmsg", (400102, "机器人已停用", "REFUSED"), (300001, "发送频率太快", "FAILED")),
            (200, "", {}, "UNKNOWN"),
        ),
        20,
    ),
    "wecom": Kind(
        "wecom",
        wecom.FakeWeCom,
        lambda fake, session, clock, look: WeComSender(session, fake.url(wecom.PATH), TIMEOUT, clock, look),
        wecom.acts,
        wecom.lock_screen,
        lambda fake, session, clock, look: WeComSender(
            session, fake.url("/cgi-bin/webhook/send?key=other"), TIMEOUT, clock, look
        ),
        (
            *_codes("errcode", "errmsg", (-1, "system busy", "FAILED"), (93000, "invalid webhook url", "REFUSED")),
            *_codes("errcode", "errmsg", (40058, "exceed max length", "REFUSED"), (44004, "empty", "REFUSED")),
            *_codes("errcode", "errmsg", (45009, "api freq out of limit", "FAILED"), (45033, "concurrent", "FAILED")),
            *_codes("errcode", "errmsg", (93004, "机器人被停用", "REFUSED"), (93008, "不在群里", "REFUSED")),
            (200, "busy", {}, "UNKNOWN"),
        ),
        20,
    ),
    "feishu": Kind(
        "feishu",
        feishu.FakeFeishu,
        lambda fake, session, clock, look: FeishuSender(
            session, fake.url(feishu.PATH), TIMEOUT, clock, look, feishu.SECRET
        ),
        feishu.acts,
        feishu.lock_screen,
        lambda fake, session, clock, look: FeishuSender(
            session, fake.url(feishu.PATH), TIMEOUT, clock, look, "another-secret"
        ),
        (
            *_codes("code", "msg", (19001, "token invalid", "REFUSED"), (19021, "sign match fail", "REFUSED")),
            *_codes("code", "msg", (19022, "Ip Not Allowed", "REFUSED"), (19024, "Key Words Not Found", "REFUSED")),
            *_codes("code", "msg", (11232, "frequency limited", "FAILED"), (1500, "internal error", "FAILED")),
            (400, {"code": 9499, "msg": "Bad Request"}, {}, "REFUSED"),
            *_codes("code", "msg", (9499, "Bad Request", "REFUSED"), (9499, "too many request", "FAILED")),
            (400, {"code": 9499, "msg": "too many request"}, {}, "FAILED"),
            *_codes("StatusCode", "StatusMessage", (0, "success", "SENT"), (19001, "token invalid", "REFUSED")),
            (200, {"code": 19021, "msg": "sign match fail", "StatusCode": 0}, {}, "REFUSED"),
            (200, {"msg": "success"}, {}, "UNKNOWN"),
        ),
        5,
    ),
    "email": Kind(
        "email",
        lambda clock: smtp.FakeSmtp(),
        lambda fake, session, clock, look: _mail(fake, clock, look),
        smtp.acts,
        smtp.lock_screen,
        lambda fake, session, clock, look: _mail(fake, clock, look, "another-password"),
    ),
    "apprise": Kind(
        "apprise",
        receiver.FakeAppriseJson,
        lambda fake, session, clock, look: AppriseSender(
            f"json://127.0.0.1:{fake.port}{receiver.NOTIFY}", TIMEOUT, look
        ),
        receiver.apprise_acts,
        lambda body: body["title"],
    ),
}
OVER_HTTP = [name for name in KINDS if name not in ("email", "apprise")]


@dataclass
class Site:
    """A fake, and senders to it. An async context manager."""

    kind: Kind
    clock: Clock = field(default_factory=Clock)
    fake: Any = None
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _session: Any = None

    async def __aenter__(self) -> "Site":
        self._session = await self._stack.enter_async_context(open_session())
        self.fake = await self._stack.enter_async_context(self.kind.fake(clock=self.clock))
        return self

    async def __aexit__(self, *failure: Any) -> None:
        await self._stack.__aexit__(*failure)

    def sender(self, look: Presentation | None = None) -> Sender:
        return self.kind.make(self.fake, self._session, self.clock, look or presentation())

    def stranger(self) -> Sender:
        """One with a secret that is not the service's."""
        assert self.kind.wrong is not None
        return self.kind.wrong(self.fake, self._session, self.clock, presentation())

    @property
    def http(self) -> Service:
        assert isinstance(self.fake, Service)
        return self.fake
