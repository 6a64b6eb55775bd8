"""Pictures of the cards in docs/cards/: drawn from the bodies that the senders make, in every language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec

from agents.documents import reading
from agents.documents.drawing import drawn
from agents.notifier.card import Presentation, card_of
from agents.notifier.message import Message, read_alert
from agents.notifier.senders.dingtalk import dingtalk_body
from agents.notifier.senders.feishu import feishu_body
from agents.notifier.senders.mail_text import mail, recipients
from agents.notifier.senders.others import title_and_text
from agents.notifier.senders.slack import slack_body
from agents.notifier.senders.teams import teams_body
from agents.notifier.senders.webhook import webhook_body
from agents.notifier.senders.wecom import wecom_body
from agents.notifier.words import LANGUAGES
from streams.alert_record import STANDING
from streams.instants import parse_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from agents.documents.drawing import Row
    from agents.notifier.card import Card

    Shown = Callable[[Message, Card, Presentation], Iterable[Row]]

_DECIDED = "2026-03-02T10:00:00Z"
_SENDER, _DESK = "sla@example.com", "desk@example.com"
_WHO = {"en": "Supervisor on duty", "zh": "当值主管"}
_IDS = {
    "slack": "U0ONDUTY00",
    "teams": "duty@example.com",
    "dingtalk": "duty01",
    "wecom": "duty01",
    "feishu": "ou_duty01",
    "email": "duty@example.com",
}


@dataclass(frozen=True)
class _OnCall:
    name: str
    ids: Mapping[str, str]


def _alert(number: int = 1042, **fields: Any) -> dict[str, Any]:
    record = {
        "alert_id": f"{number:024x}",
        "kind": "raised",
        "level": "breach",
        "threshold": None,
        "step": None,
        "ticket_id": f"T-{number}",
        "target": "first_response",
        "cycle": 0,
        "policy": "urgent",
        "priority": "urgent",
        "team": "billing",
        "channel": "chat",
        "started_at": "2026-03-02T09:43:00Z",
        "deadline": "2026-03-02T09:58:00Z",
        "limit_seconds": 900.0,
        "elapsed_seconds": 1020.0,
        "decided_at": _DECIDED,
        "late": False,
    }
    return record | fields


def _digest() -> dict[str, Any]:
    counts = [
        {"team": "billing", "priority": "urgent", "level": "breach", "count": 812},
        {"team": "tech", "priority": "high", "level": "breach", "count": 301},
        {"team": "tech", "priority": None, "level": "warning", "count": 121},
    ]
    return {
        "alert_id": "d1" * 12,
        "kind": "digest",
        "level": "breach",
        "alert_ids": [f"{number:024x}" for number in range(1234)],
        "count": 1234,
        "counts": counts,
        "worst": [_alert(1042 + n, elapsed_seconds=1020.0 + 600 * (5 - n)) for n in range(5)],
        "since": "2026-03-02T09:59:00Z",
        "until": _DECIDED,
        "decided_at": _DECIDED,
    }


def _samples() -> dict[str, dict[str, Any]]:
    taken = {"acknowledged_by": "duty-1", "acknowledged_at": "2026-03-02T10:01:00Z"}
    answered = {"kind": "recovered", "elapsed_seconds": 1380.0}
    message = "the destination pager takes no messages: HTTP 503"
    nobody: dict[str, Any] = dict.fromkeys(("policy", "priority", "team", "channel", "deadline"))
    nobody |= {"limit_seconds": None, "elapsed_seconds": None, "ticket_id": "", "destination": "pager"}
    return {
        "warning": _alert(level="warning", threshold="80%", elapsed_seconds=720.0, decided_at="2026-03-02T09:55:00Z"),
        "breach": _alert(),
        "escalation": _alert(level="escalation", step=1, elapsed_seconds=1800.0),
        "acknowledged": _alert() | {"kind": "acknowledged"} | taken,
        "recovered": _alert() | answered | taken,
        "corrected": _alert(kind="corrected", elapsed_seconds=840.0),
        "digest": _digest(),
        "operations": _alert(level="operations", target="delivery", message=message, **nobody),
    }


def _webhook(message: Message, _: Card, look: Presentation) -> Iterable[Row]:
    body = webhook_body(message, repeat=False, presentation=look)
    if "alert_ids" in body:
        body["alert_ids"] = [*body["alert_ids"][:2], "…"]
        body["worst"] = ["…"]
    return reading.record(body)


def _mail(message: Message, card: Card, _: Presentation) -> Iterable[Row]:
    to = recipients(card, [_DESK])
    return reading.mail(mail(message, card, _SENDER, to, parse_instant(_DECIDED), repeat=False))


SERVICES: Mapping[str, tuple[str, Shown]] = {
    "slack": ("Slack", lambda _m, card, _: reading.slack(slack_body(card, repeat=False))),
    "teams": ("Microsoft Teams", lambda _m, card, _: reading.teams(teams_body(card, repeat=False))),
    "dingtalk": (
        "DingTalk 钉钉",
        lambda _m, card, _: reading.markdown(dingtalk_body(card, repeat=False)["markdown"]["text"]),
    ),
    "wecom": (
        "WeCom 企业微信",
        lambda _m, card, _: reading.markdown(wecom_body(card, repeat=False)["markdown"]["content"]),
    ),
    "feishu": ("Feishu 飞书", lambda _m, card, _: reading.feishu(feishu_body(card, repeat=False))),
    "email": ("E-mail", _mail),
    "apprise": ("Apprise", lambda _m, card, _: reading.plain(*title_and_text(card, repeat=False))),
    "webhook": ("Webhook", _webhook),
}
"""By kind of destination: its name, and what it shows. A Slack bot's message is that of a webhook."""


def files() -> dict[str, str]:
    """The pictures by their names in docs/cards/, and the page that shows them."""
    pictures = {
        f"{service}-{sample}-{language}.svg": _picture(service, sample, record, language)
        for service in SERVICES
        for sample, record in _samples().items()
        for language in LANGUAGES
    }
    return pictures | {"README.md": _page()}


def _picture(service: str, sample: str, record: Mapping[str, Any], language: str) -> str:
    zone = ZoneInfo("Asia/Shanghai") if language == "zh" else ZoneInfo("Europe/Paris")
    who = _OnCall(_WHO[language], _IDS)
    look = Presentation(
        language,
        zone,
        ticket_url="https://desk.example.com/tickets/{ticket_id}",
        acknowledge=_acknowledge,
        on_call=lambda *_: who,
        board_url="https://sla.example.com",
    )
    message = Message(read_alert(msgspec.json.encode(record)), "desk")
    card = card_of(message, look)
    name, shown = SERVICES[service]
    return drawn(f"{name} · drawn from the body that is sent, not a screenshot", shown(message, card, look))


def _acknowledge(record: Mapping[str, Any]) -> str | None:
    asked = record.get("kind") == "raised" and record.get("level") in STANDING
    return "https://sla.example.com/ack/0123456789abcdef" if asked else None


def _page() -> str:
    lines = [
        "# The cards, as each service gets them",
        "",
        "Written by `make docs`. Each picture is drawn from the body that is sent: it shows what is said, and",
        "where, not how a service looks. docs/routing.md tells what of it acts.",
    ]
    for service, (name, _) in SERVICES.items():
        lines += ["", f"## {name}"]
        for sample in _samples():
            shown = " ".join(
                f"![{name}, {sample}, {language}]({service}-{sample}-{language}.svg)" for language in LANGUAGES
            )
            lines += ["", shown]
    return "\n".join(lines) + "\n"
