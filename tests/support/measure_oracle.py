"""The figures of service worked out ticket by ticket in plain Python: what the measures' SQL is held against."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from config.quality import Quality
    from streams.ledger_record import LedgerRecord, LedgerReview

Key = tuple[str | None, ...]
Figures = dict[Key, tuple[float | None, int]]
WEEK = timedelta(days=7)


class Thing(NamedTuple):
    """Something that happened, when, whom it counts for, and its ticket."""

    at: datetime
    agent: str | None
    record: LedgerRecord
    what: Any


def handler(record: LedgerRecord) -> str | None:
    if record.agent_id is not None:
        return record.agent_id
    named = [(reply.at, reply.agent_id) for reply in record.replies if reply.agent_id is not None]
    return max(named)[1] if named else None


class Oracle:
    """The figures of these records over [since, until)."""

    def __init__(self, records: Sequence[LedgerRecord], since: datetime, until: datetime, quality: Quality) -> None:
        self.records = records
        self.since = since
        self.until = until
        self.quality = quality
        self.zone = ZoneInfo(quality.timezone)

    # what happened

    def _within(self, things: Iterable[Thing]) -> list[Thing]:
        return [thing for thing in things if self.since <= thing.at < self.until]

    def _of_tickets(self, choose: Callable[[LedgerRecord], Iterator[tuple[datetime, str | None, Any]]]) -> list[Thing]:
        return self._within(
            Thing(at, agent, record, what)
            for record in self.records
            if record.status != "cancelled"
            for at, agent, what in choose(record)
        )

    def clocks(self, *targets: str) -> list[Thing]:
        def judged(record: LedgerRecord) -> Iterator[tuple[datetime, str | None, Any]]:
            for clock in record.clocks:
                if clock.target in targets and clock.verdict in ("met", "breached"):
                    at = clock.stopped_at if clock.verdict == "met" else clock.breached_at
                    assert at is not None
                    timed = clock.elapsed_seconds is not None
                    met = int(clock.verdict == "met")
                    yield at, handler(record), (met, 1 - met, int(timed), clock.elapsed_seconds or 0, [clock])
            for target, total in record.totals.items():
                if target in targets and total.met + total.breached:
                    sums = (total.met, total.breached, total.elapsed_count, total.elapsed_seconds, [])
                    yield record.created_at, handler(record), sums

        return self._of_tickets(judged)

    def created(self) -> list[Thing]:
        return self._within(Thing(record.created_at, handler(record), record, None) for record in self.records)

    def resolved(self) -> list[Thing]:
        return self._within(
            Thing(record.done_at, handler(record), record, None)
            for record in self.records
            if record.status in ("resolved", "closed") and record.done_at is not None
        )

    def reviews(self) -> list[Thing]:
        def reviewed(record: LedgerRecord) -> Iterator[tuple[datetime, str | None, Any]]:
            newest: dict[Any, LedgerReview] = {}
            for place, review in enumerate(record.reviews):
                who = review.reviewer_id or place
                if who not in newest or review.at > newest[who].at:
                    newest[who] = review
            for review in newest.values():
                if set(review.scores) & set(self.quality.names):
                    yield review.at, review.agent_id or handler(record), review

        return self._of_tickets(reviewed)

    def complaints(self) -> list[Thing]:
        return self._of_tickets(lambda record: ((each.at, handler(record), each) for each in record.complaints))

    def callbacks(self) -> list[Thing]:
        return self._of_tickets(
            lambda record: ((each.at, each.agent_id or handler(record), each) for each in record.callbacks)
        )

    def replies(self) -> list[Thing]:
        return self._of_tickets(lambda record: ((each.at, each.agent_id, each) for each in record.replies))

    # what it is grouped by

    def key(self, thing: Thing, by: Sequence[str]) -> Key:
        return tuple(self._dimension(thing, name) for name in by)

    def _dimension(self, thing: Thing, name: str) -> str | None:
        record = thing.record
        match name:
            case "agent":
                return thing.agent
            case "type":
                return record.kind or record.category
            case "day":
                return thing.at.astimezone(self.zone).date().isoformat()
            case "shift":
                return self._shift(record)
            case "complexity":
                return self._complexity(record)
            case _:
                value: str | None = getattr(record, name)
                return value

    def _shift(self, record: LedgerRecord) -> str | None:
        local = record.created_at.astimezone(self.zone)
        second = local.hour * 3600 + local.minute * 60 + local.second
        for shift in self.quality.shifts:
            length = (shift.end - shift.start) % 86400 or 86400
            if (second - shift.start) % 86400 < length:
                return shift.name
        return None

    def _complexity(self, record: LedgerRecord) -> str | None:
        for each in self.quality.complexity:
            if all(getattr(record, name) in values for name, values in each.when.items()):
                return each.name
        return None

    def grouped(self, things: Iterable[Thing], by: Sequence[str]) -> dict[Key, list[Thing]]:
        found: dict[Key, list[Thing]] = defaultdict(list)
        for thing in things:
            found[self.key(thing, by)].append(thing)
        return found if by else {(): found[()]}

    # figures

    def compliance(self, by: Sequence[str], *targets: str) -> Figures:
        def figure(things: list[Thing]) -> tuple[float | None, int]:
            met, breached = (sum(thing.what[place] for thing in things) for place in (0, 1))
            return (met / (met + breached) if met + breached else None), tickets(things)

        return {key: figure(things) for key, things in self.grouped(self.clocks(*targets), by).items()}

    def mean(self, by: Sequence[str], *targets: str) -> Figures:
        def figure(things: list[Thing]) -> tuple[float | None, int]:
            timed = sum(thing.what[2] for thing in things)
            return (sum(thing.what[3] for thing in things) / timed if timed else None), tickets(things)

        return {key: figure(things) for key, things in self.grouped(self.clocks(*targets), by).items()}

    def quantile(self, by: Sequence[str], percent: int, *targets: str) -> Figures:
        """Linear between the closest ranks, of the clocks that stopped and stand alone."""

        def figure(things: list[Thing]) -> tuple[float | None, int]:
            took = sorted(
                clock.elapsed_seconds
                for thing in things
                for clock in thing.what[4]
                if clock.elapsed_seconds is not None
            )
            if not took:
                return None, tickets(things)
            place, rest = divmod(percent * (len(took) - 1), 100)
            low, high = took[place], took[min(place + 1, len(took) - 1)]
            return low + (high - low) * rest / 100, tickets(things)

        return {key: figure(things) for key, things in self.grouped(self.clocks(*targets), by).items()}

    def share(self, things: list[Thing], by: Sequence[str], good: Callable[[Thing], bool]) -> Figures:
        return {
            key: (ratio(sum(map(good, each)), len(each)), tickets(each))
            for key, each in self.grouped(things, by).items()
        }

    def due(self, by: Sequence[str]) -> Figures:
        due = [
            thing
            for thing in self.created()
            if thing.record.status != "cancelled"
            and any(each.target == "resolution" and each.verdict in ("met", "breached") for each in thing.record.clocks)
        ]
        held = self.grouped(self.created(), by)
        figures = self.share(due, by, lambda thing: thing.record.status in ("resolved", "closed"))
        return {key: figures.get(key, (None, 0)) for key in held}

    def total(self, review: LedgerReview) -> Fraction:
        scored = [each for each in self.quality.criteria if each.name in review.scores]
        points = sum(each.weight * review.scores[each.name] for each in scored)
        return Fraction(self.quality.maximum * points, 5 * sum(each.weight for each in scored))

    def scores(self, by: Sequence[str]) -> Figures:
        return {
            key: (
                float(sum(self.total(each.what) for each in things) / len(things)) if things else None,
                tickets(things),
            )
            for key, things in self.grouped(self.reviews(), by).items()
        }

    def flagged(self, by: Sequence[str]) -> Figures:
        return self.share(self.reviews(), by, lambda thing: self.total(thing.what) < self.quality.flag_below)

    def rated(self, by: Sequence[str], figure: str) -> Figures:
        found = {}
        for key, things in self.grouped(self.resolved(), by).items():
            given = [
                max((rating.at, rating.score) for rating in thing.record.ratings)[1]
                for thing in things
                if thing.record.ratings
            ]
            good = sum(score >= 4 for score in given)
            found[key] = {
                "mean": (ratio(sum(given), len(given)), len(given)),
                "of_rated": (ratio(good, len(given)), len(given)),
                "of_all": (ratio(good, len(things)), len(things)),
                "answered": (ratio(len(given), len(things)), len(things)),
            }[figure]
        return found

    def _others(self, record: LedgerRecord) -> list[datetime]:
        return [
            other.created_at
            for other in self.records
            if other.status != "cancelled"
            and record.customer_id is not None
            and other.customer_id == record.customer_id
            and (other.category or "") == (record.category or "")
        ]

    def first_contact(self, by: Sequence[str]) -> Figures:
        def once(thing: Thing) -> bool:
            record = thing.record
            again = any(record.created_at < at <= thing.at + WEEK for at in self._others(record))
            return record.reply_count == 1 and record.reopenings == 0 and not again

        return self.share(self.resolved(), by, once)

    def repeats(self, by: Sequence[str]) -> Figures:
        def repeated(thing: Thing) -> bool:
            return any(thing.at - WEEK <= at < thing.at for at in self._others(thing.record))

        held = [thing for thing in self.created() if thing.record.status != "cancelled"]
        figures = self.share(held, by, repeated)
        return {key: figures.get(key, (None, 0)) for key in self.grouped(self.created(), by)}

    def effective(self, by: Sequence[str]) -> Figures:
        def service(thing: Thing) -> bool:
            said = {thing.record.reason, *(thing.record.tags or [])}
            return not said & self.quality.not_effective

        return self.share(self.created(), by, service)

    def per_ticket(self, by: Sequence[str], valid_only: bool) -> Figures:
        counted = {
            key: [each for each in things if each.what.valid or not valid_only]
            for key, things in self.grouped(self.complaints(), by).items()
        }
        held = self.grouped(self.created(), by)
        found = {}
        for key in {*counted, *held}:
            count = sum(thing.record.status != "cancelled" for thing in held.get(key, []))
            found[key] = (ratio(len(counted.get(key, [])) * (1000 if valid_only else 1), count), count)
        return found

    def volume(self, by: Sequence[str]) -> Figures:
        named = [thing for thing in self.replies() if thing.agent is not None]
        found: Figures = {}
        for key, things in self.grouped(named, by).items():
            handled = {(self.key(thing, ("agent", "day")), thing.record.ticket_id) for thing in things}
            days = {self.key(thing, ("agent", "day")) for thing in things}
            found[key] = (ratio(len(handled), len(days)), tickets(things))
        return found

    def figures(self, by: Sequence[str] = ()) -> dict[str, Figures]:
        """Every figure by its name."""
        return {
            "first_response_compliance": self.compliance(by, "first_response"),
            "resolution_compliance": self.compliance(by, "resolution"),
            "response_time": self.mean(by, "first_response"),
            "response_time_p50": self.quantile(by, 50, "first_response"),
            "response_time_p90": self.quantile(by, 90, "first_response"),
            "resolution_time": self.mean(by, "resolution"),
            "interaction_time": self.mean(by, "first_response", "next_response"),
            "resolution_rate": self.due(by),
            "average_score": self.scores(by),
            "flagged_share": self.flagged(by),
            "average_rating": self.rated(by, "mean"),
            "csat_of_rated": self.rated(by, "of_rated"),
            "csat_of_all": self.rated(by, "of_all"),
            "rating_response_rate": self.rated(by, "answered"),
            "first_contact_resolution": self.first_contact(by),
            "repeat_contacts": self.repeats(by),
            "follow_up_kept": self.compliance(by, "follow_up"),
            "closed_in_time": self.share(
                self.resolved(), by, lambda thing: thing.at - thing.record.created_at <= timedelta(hours=72)
            ),
            "complaint_rate": self.per_ticket(by, valid_only=False),
            "valid_complaints": self.per_ticket(by, valid_only=True),
            "complaint_time": self.mean(by, "complaint_resolution"),
            "daily_volume": self.volume(by),
            "effective_share": self.effective(by),
            "callbacks_reached": self.share(self.callbacks(), by, lambda thing: thing.what.reached),
            "hand_over_answered": self.compliance(by, "team_answer"),
        }


def tickets(things: Iterable[Thing]) -> int:
    return len({thing.record.ticket_id for thing in things})


def ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
