"""Links that acknowledge: what is ours, what has expired, and that nothing else is accepted."""

import base64
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from notices import START, Clock, alert_record

from agents.ack.links import BadLink, Expired, Keys, Link, ack_links
from streams.instants import DAY, SECOND

OLD, NEW = "o" * 32, "n" * 32
KEYS = Keys([NEW])
LINK = Link("a" * 24, "T-1", "desk", START // SECOND + 60, "nonce")

TEXT = st.text(max_size=40)


@given(st.builds(Link, TEXT, TEXT, TEXT, st.integers(START // SECOND + 1, 2**53), TEXT))
def test_a_link_says_what_it_was_made_to_say(link: Link) -> None:
    assert KEYS.read(KEYS.sign(link), START) == link


@given(st.integers(0, 400), st.characters(codec="utf-8"))
def test_whatever_sign_of_it_is_changed_it_is_ours_no_longer(place: int, sign: str) -> None:
    token = KEYS.sign(LINK)
    place %= len(token)
    changed = token[:place] + sign + token[place + 1 :]
    if changed == token:
        return
    with pytest.raises(BadLink):
        KEYS.read(changed, START)


@pytest.mark.parametrize("token", ["", ".", "a", "a.b", "a.b.c", "." * 5000, "é.é", "%00.%00"])
def test_what_is_no_link_is_told_so(token: str) -> None:
    with pytest.raises(BadLink):
        KEYS.read(token, START)


def test_nobody_makes_one_without_the_secret() -> None:
    payload, _, _ = KEYS.sign(LINK).partition(".")
    for other in (Keys([OLD]), Keys([NEW + "x"])):
        with pytest.raises(BadLink):
            KEYS.read(other.sign(LINK), START)
    forged = base64.urlsafe_b64encode(json.dumps(["b" * 24, *LINK[1:]]).encode()).rstrip(b"=").decode()
    with pytest.raises(BadLink):
        KEYS.read(forged + KEYS.sign(LINK)[len(payload) :], START)


def test_it_holds_until_its_second_and_no_longer() -> None:
    token = KEYS.sign(LINK)
    assert KEYS.read(token, LINK.expires * SECOND - 1) == LINK
    with pytest.raises(Expired):
        KEYS.read(token, LINK.expires * SECOND)


def test_links_of_the_secret_before_hold_while_both_are_set() -> None:
    before, both, after = Keys([OLD]), Keys([NEW, OLD]), Keys([NEW])
    assert both.read(before.sign(LINK), START) == LINK
    assert after.read(both.sign(LINK), START) == LINK
    with pytest.raises(BadLink):
        after.read(before.sign(LINK), START)


def test_a_proof_is_of_one_link() -> None:
    token, other = KEYS.sign(LINK), KEYS.sign(LINK._replace(alert_id="b" * 24))
    assert KEYS.proves(token, KEYS.proof(token))
    for wrong in ("", "é", KEYS.proof(other), token.partition(".")[2]):
        assert not KEYS.proves(token, wrong)


def test_the_secret_shows_nowhere() -> None:
    assert NEW not in repr(KEYS)
    assert NEW not in KEYS.sign(LINK)


def test_cards_get_links_and_the_monitors_own_alerts_none() -> None:
    link = ack_links(KEYS, "https://sla.example.com/on-call/", Clock())
    url = link(alert_record(7), "desk")
    assert url is not None
    assert url.startswith("https://sla.example.com/on-call/ack/")
    said = KEYS.read(url.rpartition("/")[2], START)
    assert said[:3] == (alert_record(7)["alert_id"], "T-7", "desk")
    assert said.expires == (START + 7 * DAY) // SECOND
    assert url != link(alert_record(7), "desk")
    assert link(alert_record(7, ticket_id="", level="operations"), "desk") is None
    assert link(alert_record(7, kind="corrected"), "desk") is None
    assert link(alert_record(7, level="warning"), "desk") is None
    assert link(alert_record(7, level="escalation", step=1), "desk") is not None


def test_a_link_of_another_version_is_none_of_ours() -> None:
    payload = base64.urlsafe_b64encode(msgspec.json.encode(["only", "two"])).rstrip(b"=").decode()
    with pytest.raises(BadLink):
        KEYS.read(f"{payload}.{KEYS._signature(KEYS._keys[0], payload)}", START)
