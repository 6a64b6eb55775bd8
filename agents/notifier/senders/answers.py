"""Answers that say with status 200 whether a message was taken: a code in a JSON object."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from agents.notifier.http import Outcome, Result, too_often

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agents.notifier.http import Judge


class Codes(NamedTuple):
    """What a service's codes mean. `taken` is success; `final` are those that no repetition changes.

    Every other code is a failure for now: an alert is rather tried in vain for a day than lost to a code that no
    document lists. So is a final one whose text says that it was too often. `unknown`: the service does not know itself
    whether it took the message. `waits`: the patience that a code asks for, in microseconds.
    """

    taken: object
    final: frozenset[object]
    unknown: frozenset[object] = frozenset()
    waits: Mapping[object, int] = {}


def by_code(codes: Codes, *fields: tuple[str, str]) -> Judge:
    """Judges an answer by its code. `fields`: the names of the code and of what it means in words; of several such
    pairs the first that the answer has counts.

    An answer that is no such object is not the service's: whether it took the message cannot be known.
    """

    def judge(said: str) -> Result:
        answer = read_answer(said)
        field, text = next((names for names in fields if names[0] in answer), fields[0])
        if field not in answer:
            return Result(Outcome.UNKNOWN, f"HTTP 200 without {field}: {said}")
        code, words = answer[field], str(answer.get(text, ""))
        if code == codes.taken and type(code) is type(codes.taken):
            return Result(Outcome.SENT)
        outcome = outcome_of(code, codes)
        if outcome is Outcome.REFUSED and too_often(words):
            outcome = Outcome.FAILED
        return Result(outcome, f"{field} {code}: {words}", codes.waits.get(code))

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
