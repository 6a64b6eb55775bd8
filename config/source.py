"""A YAML file as nodes that know their line: every scalar is its text, and all that is wrong is collected.

YAML itself decides nothing here: `no`, `09:00`, `2026-10-01` and `1.10` stay the texts that were written, and
whoever reads a node says what it should have been.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import yaml

from config.errors import ConfigError, Problem, shown, suggestion

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
MAX_NODES = 200_000
"""Bounds on a file, counted after its aliases are followed: no file a person wrote comes near them."""

_NULLS = ("", "~", "null", "Null", "NULL")
_UNREADABLE = re.compile("[^\\t\\n\\r\\x20-\\x7e\\x85\\xa0-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

T = TypeVar("T")


class _Raw(NamedTuple):
    """A parsed value: None, a text, a list of _Raw or a dict of text -> (line of the key, _Raw)."""

    value: str | list[_Raw] | dict[str, tuple[int, _Raw]] | None
    line: int
    size: int


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a file. Its readers return the value, or None after noting what is wrong with it."""

    file: str
    line: int
    field: str
    problems: list[Problem]
    raw: _Raw

    def bad(self, reason: str) -> None:
        """Note a problem; the reason holds the remedy."""
        self.problems.append(Problem(self.file, self.line, self.field, reason))

    def is_null(self) -> bool:
        """Whether it is `null`, `~` or nothing at all."""
        return self.raw.value is None

    def text(self) -> str | None:
        """A text, whatever it looks like; not empty."""
        value = self.raw.value
        if isinstance(value, str) and value.strip():
            return value
        self.bad(f"expected a single value, found {self._what()}")
        return None

    def read(self, parse: Callable[[str], T]) -> T | None:
        """A text as `parse` understands it; its ValueError is the problem."""
        text = self.text()
        if text is None:
            return None
        try:
            return parse(text)
        except ValueError as error:
            self.bad(str(error))
        except OverflowError:
            self.bad(f"too large: {shown(text)}")
        return None

    def choice(self, known: Collection[str], what: str) -> str | None:
        """One of the known words."""
        text = self.text()
        if text is None or text in known:
            return text
        self.bad(f"unknown {what} {shown(text)}{suggestion(text, known)}")
        return None

    def items(self, *, empty: str | None = None) -> list[Node]:
        """The items of a list; `empty` is the reason why it may not be empty."""
        value = self.raw.value
        if not isinstance(value, list):
            self.bad(f"expected a list, found {self._what()}")
            return []
        if not value and empty is not None:
            self.bad(empty)
        return [self._child(f"{self.field}[{i}]", raw.line, raw) for i, raw in enumerate(value)]

    def many(self, *, empty: str | None = None) -> list[Node]:
        """As `items`, where a single value is a list of one."""
        return [self] if isinstance(self.raw.value, str | dict) else self.items(empty=empty)

    def is_mapping(self) -> bool:
        """Whether it has keys and values."""
        return isinstance(self.raw.value, dict)

    def mapping(self) -> dict[str, Node]:
        """Keys of the user's choosing, in the order of the file."""
        value = self.raw.value
        if not isinstance(value, dict):
            self.bad(f"expected keys and values, found {self._what()}")
            return {}
        dot = f"{self.field}." if self.field else ""
        return {key: self._child(f"{dot}{_key(key)}", line, raw) for key, (line, raw) in value.items()}

    def entries(self, known: Sequence[str], required: Collection[str] = ()) -> dict[str, Node]:
        """The known keys; any other is a problem, and so is a required one that is missing."""
        found = self.mapping()
        for key in [key for key in found if key not in known]:
            found.pop(key).bad(f"unknown key{suggestion(key, known)}")
        if self.is_mapping():
            for key in required:
                if key not in found:
                    self._child(f"{self.field}.{key}" if self.field else key, self.line, self.raw).bad("missing")
        return found

    def _child(self, field: str, line: int, raw: _Raw) -> Node:
        return Node(self.file, line, field, self.problems, raw)

    def _what(self) -> str:
        value = self.raw.value
        if value is None or value == "":
            return "nothing (write a value, or leave the key out)"
        if isinstance(value, str):
            return shown(value)
        return "a list" if isinstance(value, list) else "keys and values"


def read_file(path: Path) -> Node:
    """The root of a YAML file; raises ConfigError where it cannot be read or is no single document."""
    return read_text(read_content(path), str(path))


def read_content(path: Path) -> bytes:
    """What is in a file, cut where it is too long for `read_text`; raises ConfigError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError([Problem(str(path), None, "", f"cannot be read: {error.strerror}")]) from None


def read_text(content: bytes, file: str) -> Node:
    """The root of a YAML text; `file` names it in problems. Raises ConfigError as `read_file` does."""
    if len(content) > MAX_BYTES:
        raise ConfigError([Problem(file, None, "", f"over {MAX_BYTES // 1_000_000} MB: not a file for people")])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError([Problem(file, line, "", "not UTF-8 (save the file as UTF-8)")]) from None
    if control := _UNREADABLE.search(text):
        line = text.count("\n", 0, control.start()) + 1
        raise ConfigError([Problem(file, line, "", f"the character U+{ord(control[0]):04X} is not text (remove it)")])
    problems: list[Problem] = []
    try:
        raw = _Builder(file, problems).build(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        remedy = "check indentation, quotes and brackets here and just above; indent with spaces"
        problem = Problem(file, mark.line + 1 if mark else None, "", f"not YAML: {error.problem} ({remedy})")
        raise ConfigError([problem]) from None
    return Node(file, raw.line, "", problems, raw)


def read_version(node: Node | None) -> None:
    """The version of a file's format, which so far is 1."""
    if node is not None and (text := node.text()) not in (None, "1"):
        node.bad(f"unknown version {shown(text or '')} (write version: 1)")


def read_name(text: str) -> str:
    """A name that can stand in a message; raises ValueError."""
    if not text.isprintable() or text != text.strip() or len(text) > 80:
        raise ValueError(f"not usable as a name: {shown(text)} (one line, at most 80 characters)")
    return text


class _Open(NamedTuple):
    """A list or mapping whose end has not come yet."""

    value: list[_Raw] | dict[str, tuple[int, _Raw]]
    line: int
    anchor: str | None
    nodes_before: int


class _Builder:
    """Builds the tree from parser events with a stack of its own, so that depth and aliases are bounded."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        self._file = file
        self._problems = problems
        self._anchors: dict[str, _Raw] = {}
        self._stack: list[_Open] = []
        self._keys: list[tuple[str, int] | None] = []  # beside the stack: the key that waits for its value
        self._root: _Raw | None = None
        self._nodes = 0

    def build(self, text: str) -> _Raw:
        """The root; raises ConfigError at what is refused, yaml.MarkedYAMLError where it is not YAML."""
        for event in yaml.parse(text, Loader=_LOADER):
            assert event.start_mark is not None
            line = event.start_mark.line + 1
            if isinstance(event, yaml.NodeEvent):
                self._node(event, line)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._end()
            elif isinstance(event, yaml.DocumentStartEvent) and self._root is not None:
                raise self._refusal(line, "a second document (keep one, without '---' between)")
        if self._root is None:
            raise self._refusal(1, "the file is empty")
        return self._root

    def _node(self, event: yaml.NodeEvent, line: int) -> None:
        self._count(1, line)
        if isinstance(event, yaml.AliasEvent):
            raw = self._anchors.get(event.anchor or "")
            if raw is None:
                raise self._refusal(line, f"alias *{event.anchor} to nothing before it (write &{event.anchor} first)")
            self._count(raw.size, line)
            self._place(raw, line)
            return
        assert isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)
        if event.tag not in (None, "!"):
            raise self._refusal(line, f"the tag {shown(event.tag)} is not used here (remove it)")
        if isinstance(event, yaml.ScalarEvent):
            null = event.implicit[0] and event.value in _NULLS
            raw = _Raw(None if null else event.value, line, 1)
            self._place(raw, line)
            if event.anchor is not None:
                self._anchors[event.anchor] = raw
        else:
            if len(self._stack) >= MAX_DEPTH:
                raise self._refusal(line, f"nested deeper than {MAX_DEPTH}")
            if self._stack and self._waits_for_key():
                raise self._refusal(line, "a key must be a single value (put braces in quotes)")
            value: list[_Raw] | dict[str, tuple[int, _Raw]]
            value = [] if isinstance(event, yaml.SequenceStartEvent) else {}
            self._stack.append(_Open(value, line, event.anchor, self._nodes))
            self._keys.append(None)

    def _end(self) -> None:
        done = self._stack.pop()
        self._keys.pop()
        raw = _Raw(done.value, done.line, self._nodes - done.nodes_before + 1)
        if done.anchor is not None:
            self._anchors[done.anchor] = raw
        self._place(raw, done.line)

    def _place(self, raw: _Raw, line: int) -> None:
        """Put a finished value where it belongs: at the root, into a list, as a key, or as a key's value."""
        if not self._stack:
            self._root = raw
            return
        parent = self._stack[-1].value
        if isinstance(parent, list):
            parent.append(raw)
        elif (key := self._keys[-1]) is None:
            if not isinstance(raw.value, str):
                raise self._refusal(line, "a key must be a single value, and not empty")
            self._keys[-1] = (raw.value, line)
        else:
            self._keys[-1] = None
            name, key_line = key
            if name in parent:
                field = ".".join([*self._open_keys(), _key(name)])
                reason = f"key given twice, first in line {parent[name][0]} (remove one)"
                self._problems.append(Problem(self._file, key_line, field, reason))
            else:
                parent[name] = (key_line, raw)

    def _waits_for_key(self) -> bool:
        return isinstance(self._stack[-1].value, dict) and self._keys[-1] is None

    def _open_keys(self) -> list[str]:
        """The path of the innermost open mapping."""
        path: list[str] = []
        for opened, key in zip(self._stack, self._keys, strict=True):
            if isinstance(opened.value, list) and path:
                path[-1] += f"[{len(opened.value)}]"
            elif key is not None:
                path.append(_key(key[0]))
        return path

    def _count(self, nodes: int, line: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise self._refusal(line, f"over {MAX_NODES} values once aliases are followed")

    def _refusal(self, line: int, reason: str) -> ConfigError:
        return ConfigError([*self._problems, Problem(self._file, line, "", reason)])


def _key(key: str) -> str:
    """A key as a part of a field's name."""
    return key if key.isprintable() and len(key) <= 60 and not set(key) & set(".[]:") else shown(key)
