"""The sentence on the lock screen, and Slack's message made of it."""

import json
from typing import Any

import pytest
from notices import alert_record, message

from agents.notifier.card import ENGLISH, clean, sentence
from agents.notifier.slack import REPEATED, escape, slack_body
from agents.notifier.webhook import webhook_body
from streams.policies import TARGETS

ATTACKS = [
    "<!channel>",
    "<!here> look",
    "<@U012AB3CD>",
    "<https://evil.example|click here>",
    "@channel @here @all",
    "*bold* _it_ ~no~ `code` ```block```",
    ":rotating_light: :smile:",
    "&lt;!channel&gt;",
    "line\nbreak\r\n\ttab\x00\x07\x1b[31m",
    "\u202egnp.exe\u202c \u2066hidden\u2069 \u200b\ufeff\u2028",
    "x" * 10_000,
    "\U000e0041\U000e0042 tags",
    '"}, {"injected": true',
]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "BREACH first response overdue 2m: ticket T-1 (urgent, billing, chat) limit 15m"),
        (
            {"elapsed_seconds": 900.4},
            "BREACH first response overdue: ticket T-1 (urgent, billing, chat) limit 15m",
        ),
        ({"late": True}, "BREACH first response overdue 2m: ticket T-1 (urgent, billing, chat) limit 15m [found late]"),
        (
            {"level": "warning", "threshold": "50%", "elapsed_seconds": 450.0},
            "WARNING first response due in 7m: ticket T-1 (urgent, billing, chat) limit 15m",
        ),
        (
            {"level": "warning", "threshold": "0s", "elapsed_seconds": 900.0},
            "WARNING first response due now: ticket T-1 (urgent, billing, chat) limit 15m",
        ),
        (
            {"level": "escalation", "step": 2, "elapsed_seconds": 2700.0, "target": "follow_up"},
            "ESCALATION 2 follow-up overdue 30m: ticket T-1 (urgent, billing, chat) limit 15m",
        ),
        (
            {"kind": "corrected", "target": "next_response"},
            "CORRECTED next response was in time after all: ticket T-1 (urgent, billing, chat) limit 15m",
        ),
        (
            {"kind": "recovered"},
            "RECOVERED first response answered after 17m: ticket T-1 (urgent, billing, chat) limit 15m",
        ),
        ({"priority": None, "team": None, "channel": None}, "BREACH first response overdue 2m: ticket T-1 limit 15m"),
        (
            {"limit_seconds": 14_400.0, "elapsed_seconds": 14_400.0 + 86_400 * 2, "team": None},
            "BREACH first response overdue 48h: ticket T-1 (urgent, chat) limit 4h",
        ),
        (
            {"kind": "corrected", "policy": None, "limit_seconds": None, "elapsed_seconds": None, "deadline": None},
            "CORRECTED first response was in time after all: ticket T-1 (urgent, billing, chat)",
        ),
    ],
)
def test_the_sentence_says_what_is_overdue_by_how_much_and_where(fields: dict[str, Any], expected: str) -> None:
    assert sentence(alert_record(**fields)) == expected


@pytest.mark.parametrize("target", TARGETS)
def test_the_first_80_characters_name_target_time_and_ticket(target: str) -> None:
    said = sentence(
        alert_record(target=target, level="escalation", step=3, ticket_id="ACME-204817", elapsed_seconds=90_000.0)
    )
    assert ENGLISH[target] in said[:80]
    assert "overdue 24h" in said[:80]
    assert "ACME-204817" in said[:80]


def test_another_language_is_another_table() -> None:
    words = ENGLISH | {
        "breach": "已超时",
        "first_response": "首次响应",
        "overdue": "超时 {over}",
        "ticket": "工单 {ticket}",
    }
    assert sentence(alert_record(), words).startswith("已超时 首次响应 超时 2m: 工单 T-1 (urgent, billing, chat)")


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_field_stays_one_short_line_in_which_nothing_is_hidden(attack: str) -> None:
    line = clean(attack, 40)
    assert len(line) <= 40
    assert line.isprintable()
    said = sentence(alert_record(ticket_id=attack, team=attack, priority=attack, channel=attack))
    assert said.isprintable()
    assert len(said) < 250


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_field_acts_in_slack(attack: str) -> None:
    fields = dict.fromkeys(("ticket_id", "priority", "team", "channel", "policy"), attack)
    body = slack_body(message(**fields), repeat=True)
    assert not {"<", ">"} & set(body["text"])
    assert body["text"].count("&") == sum(body["text"].count(entity) for entity in ("&amp;", "&lt;", "&gt;"))
    assert body["link_names"] is False
    texts = [block["text"] for block in body["blocks"] if "text" in block]
    texts += [each for block in body["blocks"] for each in block.get("fields", []) + block.get("elements", [])]
    for text in texts:
        assert text["type"] == "plain_text"
        assert text["emoji"] is False
        assert text["text"].isprintable()


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_slack_message_keeps_slacks_limits(attack: str) -> None:
    fields = dict.fromkeys(("ticket_id", "priority", "team", "channel", "policy", "alert_id"), attack)
    body = slack_body(message(**fields), repeat=True)
    assert len(body["blocks"]) <= 50
    header, section, context = body["blocks"]
    assert 1 <= len(header["text"]["text"]) <= 150
    assert len(section["fields"]) <= 10
    assert all(1 <= len(text["text"]) <= 2000 for text in section["fields"])
    assert len(context["elements"]) <= 10
    assert len(json.dumps(body)) < 10_000


def test_slack_shows_that_a_message_may_be_there_already() -> None:
    once, twice = (slack_body(message(), repeat=repeat) for repeat in (False, True))
    assert "repeat" not in json.dumps(once)
    assert REPEATED in twice["text"]
    assert REPEATED in [element["text"] for element in twice["blocks"][-1]["elements"]]


def test_the_webhooks_body_is_the_record_with_the_sentence() -> None:
    assert webhook_body(message(), repeat=False) == {**alert_record(), "text": sentence(alert_record())}
    assert webhook_body(message(), repeat=True)["repeat"] is True


def test_escaping_is_slacks() -> None:
    assert escape("<!channel> & co") == "&lt;!channel&gt; &amp; co"
