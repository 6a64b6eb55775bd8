"""The reader of YAML: bounded, strict, and never a crash."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import ConfigError, Problem, near_miss, shown
from config.source import MAX_BYTES, read_text


def reasons(content: bytes) -> list[str]:
    """Why a content is refused; none where it is read."""
    try:
        read_text(content, "f")
    except ConfigError as error:
        return [problem.reason for problem in error.problems] or [""]
    return []


@given(st.text(alphabet="ab:{}[],&*!|>'\"-?# \n\t%~0\x07é", max_size=60))
def test_any_text_is_read_or_refused_with_reasons(text: str) -> None:
    assert all(reasons(text.encode()))


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused_with_reasons(content: bytes) -> None:
    assert all(reasons(content))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a: 1\nb: \xff", "f:2: not UTF-8 (save the file as UTF-8)"),
        ("a: 1".encode("utf-16"), "f:1: not UTF-8 (save the file as UTF-8)"),
        (b"a: 1\nb: \x07", "f:2: the character U+0007 is not text (remove it)"),
        (b"x" * (MAX_BYTES + 1), "f: over 1 MB: not a file for people"),
        (b"[" * 5_000, "f:1: nested deeper than 20"),
    ],
)
def test_what_is_no_text_is_refused(content: bytes, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_text(content, "f")
    assert str(caught.value) == problem


def test_a_byte_order_mark_and_windows_lines_are_fine() -> None:
    found = read_text(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n", "f").mapping()
    assert [(key, node.text(), node.line) for key, node in found.items()] == [("a", "1", 1), ("b", "2", 2)]


def test_a_value_stands_in_the_line_of_its_key() -> None:
    node = read_text(b"a:\n\n  b:\n    - c: 1\n    - d\n", "f").mapping()["a"]
    inner = node.mapping()["b"]
    assert (node.line, inner.line, [item.line for item in inner.items()]) == (1, 3, [4, 5])
    assert inner.items()[0].mapping()["c"].field == "a.b[0].c"


def test_strange_keys_are_quoted_in_the_name_of_a_field() -> None:
    node = read_text(b'"a.b": {"x\\ty": 1}', "f").mapping()["a.b"]
    assert node.mapping()["x\ty"].field == r"'a.b'.'x\ty'"


def test_messages_quote_a_users_text_short_and_harmless() -> None:
    assert shown("x" * 100) == "'" + "x" * 57 + "...'"
    assert shown("\x1b[31m") == r"'\x1b[31m'"


def test_near_misses_are_found_whatever_the_case() -> None:
    assert near_miss("LIMIT", ["limit", "warn"]) == ", did you mean 'limit'?"
    assert near_miss("zzz", ["limit"]) == ""


def test_a_problem_without_line_or_field_leaves_them_out() -> None:
    assert str(Problem("environment", None, "SLAWATCH_GRACE", "wrong")) == "environment: SLAWATCH_GRACE: wrong"
    assert str(Problem("f", 3, "", "wrong")) == "f:3: wrong"
