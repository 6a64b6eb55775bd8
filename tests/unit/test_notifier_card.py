"""The sentence on the lock screen, and the card around it, before any service's markup."""

import re
import string
from dataclasses import dataclass, field, replace
from typing import Any, get_args
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from notices import START, alert_record, message
from senders import ATTACKS, BOARD, Somebody, digest, presentation

from agents.notifier.card import Presentation, card_of, moment, present, ticket_link
from agents.notifier.message import read_alert
from agents.notifier.senders.people import person_id
from agents.notifier.senders.slack import escape
from agents.notifier.senders.webhook import webhook_body
from agents.notifier.sentence import sentence, span
from agents.notifier.text import clean, fitting, full_width, tame
from agents.notifier.words import CHINESE, ENGLISH, LANGUAGES
from streams.alert_record import Subject, operations
from streams.instants import format_instant
from streams.policies import TARGETS

TEMPLATE = "https://desk.example.com/tickets/{ticket_id}?view=full"


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


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "【超时】首次响应 已超时2分钟：工单 T-1 （urgent、billing、chat） 时限15分钟"),
        ({"level": "warning", "elapsed_seconds": 450.0}, "【预警】首次响应 还剩7分钟：工单 T-1"),
        ({"level": "escalation", "step": 2, "elapsed_seconds": 8100.0}, "【升级】第2级 首次响应 已超时2小时：工单 T-1"),
        ({"kind": "recovered"}, "【已恢复】首次响应 已在17分钟后答复：工单 T-1"),
        ({"kind": "recovered", "target": "resolution"}, "【已恢复】解决 已在17分钟后解决：工单 T-1"),
        ({"kind": "recovered", "elapsed_seconds": None}, "【已恢复】首次响应：工单 T-1"),
        ({"kind": "corrected"}, "【更正】首次响应 实际未超时：工单 T-1"),
        ({"kind": "acknowledged", "acknowledged_by": "小王"}, "【已确认】首次响应 由小王处理：工单 T-1"),
    ],
)
def test_the_sentence_in_chinese(fields: dict[str, Any], expected: str) -> None:
    assert sentence(alert_record(**fields), CHINESE).startswith(expected)


@pytest.mark.parametrize("subject", get_args(Subject))
def test_what_is_wrong_with_the_house_begins_in_the_cards_language(subject: Subject) -> None:
    record = msgspec.to_builtins(operations(subject, "the words of a log", START, START))
    assert sentence(record) == "OPERATIONS the words of a log"
    said = sentence(record, CHINESE)
    assert re.fullmatch(r"【运维】[\u4e00-\u9fff]{4,}：the words of a log", said), said


def test_languages_have_the_same_words_with_the_same_places() -> None:
    def places(text: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}

    for words in LANGUAGES.values():
        assert words.keys() == ENGLISH.keys()
        assert all(places(words[key]) == places(ENGLISH[key]) for key in ENGLISH)
        assert len(words["days"].split()) == 7


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (0, "0s", "0秒"),
        (45.9, "45s", "45秒"),
        (150, "2m", "2分钟"),
        (5400, "1h30m", "1小时30分钟"),
        (180_000, "50h", "50小时"),
    ],
)
def test_a_span_is_as_exact_as_it_is_long(seconds: float, english: str, chinese: str) -> None:
    assert span(seconds, ENGLISH) == english
    assert span(seconds, CHINESE) == chinese


def test_an_acknowledged_alert_says_by_whom() -> None:
    said = sentence(alert_record(kind="acknowledged", acknowledged_by="On Call"))
    assert said.startswith("ACKNOWLEDGED first response taken by On Call: ticket T-1")


def test_a_digest_says_how_many_of_which_level() -> None:
    assert sentence(digest()) == "DIGEST 1,234 alerts in 1m: BREACH 1,034, WARNING 200"
    assert sentence(digest(counts=None)) == "DIGEST 1,234 alerts in 1m"
    assert sentence(digest(), CHINESE) == "【汇总】1分钟内1,234条告警：【超时】1,034条、【预警】200条"


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_field_stays_one_short_line_in_which_nothing_is_hidden(attack: str) -> None:
    line = clean(attack, 40)
    assert len(line) <= 40
    assert line.isprintable()
    said = sentence(alert_record(ticket_id=attack, team=attack, priority=attack, channel=attack))
    assert said.isprintable()
    assert len(said) < 250


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://evil.example/x", "http[:]//evil[.]example/x"),
        ("see www.evil.example.", "see www[.]evil[.]example."),
        ("a@b.example", "a@b[.]example"),
        ("mailto:x javascript:y tel:1 at 10:30 to: z", "mailto[:]x javascript[:]y tel[:]1 at 10:30 to: z"),
        ("evil。com evil．com 完成。请看", "evil[.]com evil[.]com 完成。请看"),
        ("v1.2 at 10:30, T-1.5 e.g. this", "v1.2 at 10:30, T-1.5 e.g. this"),
    ],
)
def test_an_address_in_ticket_text_leads_nowhere(text: str, expected: str) -> None:
    assert tame(text, 100) == expected


@given(st.text(), st.integers(2, 60))
def test_text_of_tickets_is_one_short_line_and_taming_it_twice_changes_nothing(text: str, length: int) -> None:
    line = tame(text, length)
    assert len(line) <= length
    assert line == clean(line, length)
    assert tame(line, length) == line or len(clean(text, 2 * length)) > length


@given(st.lists(st.text(alphabet="aé超🔥", max_size=40), min_size=1, max_size=12), st.integers(40, 400))
def test_what_fits_is_whole_lines_within_the_bytes(lines: list[str], limit: int) -> None:
    fits = fitting(lines, limit)
    assert len(fits.encode()) <= limit
    if fits != "\n".join(lines):
        *kept, mark = fits.split("\n")
        assert mark == "…"
        assert kept == lines[: len(kept)] or (len(kept) == 1 and lines[0].startswith(kept[0]))


def test_full_width_reads_as_before() -> None:
    assert full_width("<@all> a_b", "<>@_") == "＜＠all＞ a＿b"


@pytest.mark.parametrize(
    ("ticket", "link"),
    [
        ("T-1", "https://desk.example.com/tickets/T-1?view=full"),
        ("a/b?c#d é", "https://desk.example.com/tickets/a%2Fb%3Fc%23d%20%C3%A9?view=full"),
        ("x](http://evil.example)", "https://desk.example.com/tickets/x%5D%28http%3A%2F%2Fevil.example%29?view=full"),
        ("..", None),
        (".", None),
        ("", None),
        (None, None),
        ("x" * 10_000, None),
    ],
)
def test_a_tickets_id_stays_within_its_place_of_the_address(ticket: str | None, link: str | None) -> None:
    assert ticket_link(TEMPLATE, ticket) == link
    assert ticket_link(None, ticket) is None


def test_a_deadline_is_by_the_clock_of_the_team() -> None:
    zones = {"paris": ZoneInfo("Europe/Paris")}
    look = Presentation(zone=ZoneInfo("Asia/Shanghai"), zones=zones)
    for team, said in (("paris", "Mon 2026-03-02 10:58 (Europe/Paris)"), ("x", "Mon 2026-03-02 17:58 (Asia/Shanghai)")):
        facts = {fact.name: fact.value for fact in present(alert_record(team=team), look).facts}
        assert facts["deadline"] == said
    assert moment(format_instant(START), ZoneInfo("UTC"), CHINESE) == "2026-03-02 周一 10:00（UTC）"
    assert moment("nonsense", ZoneInfo("UTC"), ENGLISH) is None


def test_a_card_names_the_promise_and_its_facts_in_their_order() -> None:
    card = present(alert_record(), presentation())
    assert [fact.name for fact in card.facts] == [
        "promise",
        "policy",
        "priority",
        "team",
        "channel",
        "since",
        "deadline",
    ]
    assert card.facts[0].value == "first response within 15m"
    assert [link.name for link in card.links] == ["ticket", "acknowledge", "board"]
    assert present(alert_record(), Presentation()).links == ()
    assert present(alert_record(), Presentation(), ack_url="https://a.example/1").links[0].name == "acknowledge"


@dataclass(frozen=True)
class Named:
    name: str = "N"
    ids: dict[str, str] = field(default_factory=dict)


@pytest.mark.parametrize("service", ["slack", "teams", "dingtalk", "wecom", "feishu", "email"])
@pytest.mark.parametrize(
    "named", ["all", "@all", "ALL", "everyone", "!channel", "U1>", "a b", "x\ny", "", *ATTACKS[:6]]
)
def test_nobody_is_called_by_an_id_that_is_none(service: str, named: str) -> None:
    card = present(alert_record(), Presentation(), mention=Named(ids={service: named}))
    assert person_id(card, service) is None
    assert [fact.value for fact in card.facts if fact.name == "on_call"] == ["N"]


def test_the_webhooks_body_is_the_record_with_the_sentence() -> None:
    assert webhook_body(message(), repeat=False) == {**alert_record(), "text": sentence(alert_record())}
    assert webhook_body(message(), repeat=True)["repeat"] is True


def test_escaping_is_slacks() -> None:
    assert escape("<!channel> & co") == "&lt;!channel&gt; &amp; co"


@pytest.mark.parametrize("number", [1e308, -1e308, float("inf"), "900", None, True, [900]])
def test_a_number_that_no_clock_reaches_is_none(number: object) -> None:
    said = sentence(alert_record(limit_seconds=number, elapsed_seconds=number))
    assert said.startswith("BREACH first response overdue: ticket T-1")
    assert len(said) < 100


def test_cards_and_digests_lead_to_the_board_where_there_is_one() -> None:
    for record in (alert_record(), alert_record(kind="recovered"), digest()):
        assert [link.url for link in present(record, Presentation(board_url=BOARD)).links] == [BOARD]
        assert present(record, Presentation()).links == ()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=True) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
RECORDS = st.fixed_dictionaries(
    {"kind": st.sampled_from(["raised", "digest", "acknowledged", "recovered"]) | JSON},
    optional=dict.fromkeys(
        sorted({*alert_record(), *digest(), "message", "acknowledged_at", "subject"} - {"kind"}), JSON
    )
    | {
        "counts": st.lists(st.dictionaries(st.sampled_from(["team", "priority", "level", "count"]), JSON)),
        "worst": JSON,
    },
)


@given(RECORDS, st.sampled_from(["en", "zh"]))
def test_any_record_has_a_card_of_single_lines(record: dict[str, Any], language: str) -> None:
    card = present(record, presentation(language, show=frozenset({"agent", "customer"})))
    texts = [card.title, card.alert_id, *(fact.value for fact in card.facts)]
    texts += [line.text for section in card.sections for line in section.lines]
    assert all(text.isprintable() and len(text) < 500 for text in texts)


def test_what_became_of_a_held_alert_is_its_card_and_calls_nobody() -> None:
    look = Presentation(on_call=lambda alert, now: Somebody())
    held = message(1)
    answered = read_alert(msgspec.json.encode(alert_record(1, kind="recovered", elapsed_seconds=2400.0)))
    assert card_of(held, look).mention is not None
    card = card_of(replace(held, became=answered), look)
    assert card.title.startswith("RECOVERED first response answered after 40m: ticket T-1")
    assert (card.mention, card.tone, card.alert_id) == (None, "good", held.alert.alert_id)
    body = webhook_body(replace(held, became=answered), repeat=False)
    assert (body["kind"], body["alert_id"]) == ("recovered", held.alert.alert_id)
