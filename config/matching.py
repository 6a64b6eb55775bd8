"""What a `when` asks for, and whether what comes before leaves it anything."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from config.source import Node

_MOST_PIECES = 500
"""Beyond this many pieces a rule counts as reachable: the search stays short on any file."""

When = dict[str, frozenset[str]]


def read_when(node: Node | None, known: Sequence[str], values: Mapping[str, Sequence[str]] | None = None) -> When:
    """Attribute -> the values of which any will do; missing or empty asks for nothing.

    `values` holds the attributes with a fixed set of values; a single value counts as a list of one.
    """
    when: When = {}
    for name, wanted in (node.entries(known) if node is not None else {}).items():
        fixed = (values or {}).get(name)
        items = wanted.many(empty="matches nothing: name a value, or leave the key out")
        read = [item.text() if fixed is None else item.choice(fixed, name) for item in items]
        when[name] = frozenset(value for value in read if value is not None)
    return when


def fits(when: Mapping[str, frozenset[str]], record: Mapping[str, Any]) -> bool:
    """Whether a record's fields are as a `when` asks."""
    return not any(unfit(when, record))


def unfit(when: Mapping[str, frozenset[str]], record: Mapping[str, Any]) -> Iterator[str]:
    """The attributes in which a record is not as a `when` asks."""
    for name, values in when.items():
        value = record.get(name)
        if (str(value) if isinstance(value, int) else value) not in values:
            yield name


class Rule(NamedTuple):
    """What a policy or a route describes: attributes, and the period [since, until) in which it holds."""

    when: Mapping[str, frozenset[str]]
    since: float = -inf
    until: float = inf


def never_reached(rule: Rule, before: Iterable[Rule]) -> bool:
    """Whether the rules before it take all that a rule describes, so that it never applies."""
    pieces = [_Piece(rule.since, rule.until, {})]
    for other in before:
        if all(name == "tags" or rule.when.get(name, values) & values for name, values in other.when.items()):
            left = [smaller for piece in pieces for smaller in piece.without(other) if smaller.holds_any(rule)]
            pieces = _largest(left)
        if len(pieces) > _MOST_PIECES:
            return False
    return not pieces


class _Piece(NamedTuple):
    """A part of what a rule describes: in a period, without the values `taken` by rules before it."""

    since: float
    until: float
    taken: Mapping[str, frozenset[str]]

    def without(self, other: Rule) -> Iterator[_Piece]:
        """Pieces that together hold what is in this one and not in the other; some may be empty."""
        if other.until <= self.since or other.since >= self.until:
            yield self
            return
        yield self._replace(until=other.since)
        yield self._replace(since=other.until)
        for name, values in other.when.items():
            yield self._replace(taken={**self.taken, name: self._of(name) | values})

    def holds_any(self, rule: Rule) -> bool:
        """Whether anything that the rule describes is in it; there is no end of values that no rule names."""
        return self.since < self.until and not any(values <= self._of(name) for name, values in rule.when.items())

    def is_within(self, other: _Piece) -> bool:
        """Whether all of it is in the other."""
        period = other.since <= self.since and self.until <= other.until
        return period and all(values <= self._of(name) for name, values in other.taken.items())

    def _of(self, name: str) -> frozenset[str]:
        return self.taken.get(name, frozenset())


def _largest(pieces: list[_Piece]) -> list[_Piece]:
    """The pieces without those that lie within another: keeps a long file's pieces few."""
    kept: list[_Piece] = []
    for piece in pieces:
        if not any(piece.is_within(other) for other in kept):
            kept = [other for other in kept if not other.is_within(piece)]
            kept.append(piece)
    return kept
