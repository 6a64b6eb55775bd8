"""The signature of the generic webhook, checked by the very lines that docs/routing.md gives its readers."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from notices import START

from agents.notifier.senders.webhook import signature
from streams.instants import SECOND

PAGE = Path(__file__).resolve().parents[2] / "docs/routing.md"
SECRET, BODY = "whsec-0123456789", b'{"alert_id": "1"}'
NOW = START / SECOND


@pytest.fixture(scope="module")
def signed() -> Callable[..., bool]:
    found = re.search(r"```python\n(import hashlib.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    names: dict[str, Any] = {}
    exec(found[1], names)  # the page's own lines
    return names["signed"]


def test_what_is_sent_passes(signed: Callable[..., bool]) -> None:
    assert signed(SECRET, signature(SECRET, BODY, START), BODY, NOW)
    assert signed(SECRET, signature(SECRET, BODY, START), BODY, NOW + 299)


def test_anything_else_does_not(signed: Callable[..., bool]) -> None:
    header = signature(SECRET, BODY, START)
    assert not signed("another-secret", header, BODY, NOW)
    assert not signed(SECRET, header, BODY + b" ", NOW)
    assert not signed(SECRET, header, BODY, NOW + 301)
    assert not signed(SECRET, header.replace("t=1", "t=2"), BODY, NOW)
    assert not signed(SECRET, header.upper(), BODY, NOW)
    assert not signed(SECRET, "", BODY, NOW)
