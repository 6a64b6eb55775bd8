"""Answers that say with status 200 whether a message was taken: a code in a JSON object."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from agents.notifier.http import Outcome, Result

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agents.notifier.http import Judge


class Codes(NamedTuple):
    """What a service's codes mean. `taken` is success; `final` are those that no repetition changes.

    Every other code is a failure for now: an alert is rather tried in vain for a day than lost to a code that no
    document lists. `unknown`: the service does not know itself whether it took the message. `waits`: the patience
    that a code asks for, in microseconds.
    """

    taken: object
    final: frozenset[object]
    unknown: frozenset[object] = frozenset()
    waits: Mapping[object, int] = {}


def by_code(field: str, text: str, codes: Codes) -> Judge:
    """Judges an answer by the code in `field`; `text` is the field that says in words what the code means.

    An answer that is no such object is not the service's: whether it took the message cannot be known.
    """

    def judge(said: str) -> Result:
        answer = read_answer(said)
        if field not in answer:
            return Result(Outcome.UNKNOWN, f"HTTP 200 without {field}: {said}")
        code = answer[field]
        if code == codes.taken and type(code) is type(codes.taken):
            return Result(Outcome.SENT)
        return Result(outcome_of(code, codes), f"{field} {code}: {answer.get(text, '')}", codes.waits.get(code))

    return judge


def outcome_of(code: object, codes: Codes) -> Outcome:
    """The outcome of a code that is not success."""
    if not isinstance(code, int | str) or code in codes.unknown:
        return Outcome.UNKNOWN
    return Outcome.REFUSED if code in codes.final else Outcome.FAILED


def read_answer(said: str) -> Mapping[str, object]:
    """The JSON object of an answer; an empty one where it is none."""
    try:
        answer = msgspec.json.decode(said)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}
