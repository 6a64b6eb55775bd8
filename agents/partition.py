"""The owner of one partition's tickets: events in, changes to state, ledger, dead letters and alerts out."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from agents.engine import Changes, Out
from agents.intake import Intake
from agents.judging import Judging
from agents.staff import AGENT, Staff
from agents.wakeups import Wakeups
from agents.work import Ready, ReadyLine, Work
from streams import alert_record, alerts, ledger, ticket, windows
from streams.events import AgentStatusChanged, TicketEvent, tag_of
from streams.facts import Fact
from streams.instants import SECOND, format_instant
from streams.policies import Policies
from streams.queue import Overdue, Queue, Standing, standing
from streams.ticket import Outcome, Ticket
from streams.windows import (
    ARRIVALS,
    MEASURES,
    WINDOWS,
    CellRow,
    Contribution,
    Key,
    Labels,
    Window,
    Windows,
    cell_of,
)

try:
    from streams.shortcut import Shortcut
except ImportError:  # it is there where the data path is compiled
    Shortcut = None  # type: ignore[misc, assignment]  # a class in its stub

if TYPE_CHECKING:
    from agents.engine import Record, Store
    from agents.meters import Meters

log = logging.getLogger("slawatch.partition")

_CELL = b"w"
_FORGOTTEN = b"f"
_WORK_A_RING = 4_000
_OF_AN_ALARM, _OF_JUDGING, _OF_A_FACT, _OF_A_LOOK = 8, 14, 2, 2
"""What a call may do, and how much of it an alarm takes, a ticket that is judged anew, each fact of it, and one that
need not be: 500 alarms, or 250 short tickets, and fewer long ones. While it works the stream stands still."""
_A_LOT = 250
"""Tickets that are read between two steps of loading."""
_ALERTS_A_RING = 1_000
"""Of those made ready beforehand."""
_READY = 2_500
"""So many alerts are made ready at the most, and so many tickets wait to be written after theirs were announced: were
this process to die, the next owner of the partition finds them on the topic (`engine.SAID`)."""
_READY_A_CALL = 100
_NOW = 0

_encode_json = msgspec.json.Encoder().encode
_encode = msgspec.msgpack.Encoder().encode
_decode_cell_key = msgspec.msgpack.Decoder(tuple[int, int, Key]).decode
_decode_cell = msgspec.msgpack.Decoder(CellRow).decode


@dataclass(slots=True)
class Rules:
    """What partitions judge by; durations in microseconds. `policies` may be replaced while they run."""

    policies: Policies
    inputs: Mapping[str, type[TicketEvent] | type[AgentStatusChanged]]
    """By topic: the type of its events."""
    alerts: str
    ledger: str
    dead_letters: str
    """The topics written to."""
    grace: int
    retention: int
    max_age: int
    max_ahead: int
    """0: no limit."""
    windows: Sequence[Window] = WINDOWS
    shortcut: bool = True
    """Whether `streams.shortcut` is taken where it is there."""


class Pressing(NamedTuple):
    """Tickets by their keys, as they are kept."""

    overdue: list[tuple[bytes, bytes | None]]
    """Those overdue longest, then those that came last."""
    soon: list[tuple[bytes, bytes | None]]
    """Some of them fall due later than `until`, or are overdue by now, or not due at all."""
    until: int
    """They are all that fall due before this instant."""
    all_overdue: int


class TicketPartition:
    """Implements the engine's `Partition` for tickets."""

    def __init__(self, number: int, store: Store, rules: Rules, meters: Meters, now: int) -> None:
        self.number = number
        self.rules = rules
        self.windows = Windows(now, rules.windows)
        self.queue = Queue()
        self.overdue = Overdue()
        self.staff = Staff()
        self.tickets = 0
        self.orphans = 0
        self._store = store
        self._meters = meters
        self._now = now
        self._alarms = Wakeups()
        self._ready = ReadyLine()
        self._unwritten: dict[bytes, tuple[Work, list[float]]] = {}  # tickets whose alerts are out, and how late each
        self._judge_by(rules.policies)
        self._judging = Judging()
        self._judged = 0  # tickets since the last call's meters
        self._forgotten: dict[bytes, int] = {}
        self._verdicts: Counter[tuple[int, bool, int]] = Counter()
        self._intake = Intake(rules.inputs, rules.dead_letters, rules.max_ahead, meters)

    def loaded(self) -> TicketPartition:
        """Itself, once all of the store is read: for those that have nothing else to do meanwhile."""
        for _ in self.load():
            pass
        return self

    # What the engine calls

    def load(self) -> Iterator[None]:
        """Read the store, a lot between two steps."""
        policies, stale = self.rules.policies, self._store.derived_stale
        self._judge_by(policies)  # others may come into force meanwhile: then all of it is judged anew
        others = []
        for n, (key, value) in enumerate(self._store.items()):
            if n % _A_LOT == 0:
                yield
            if key.startswith(AGENT):
                self.staff.load(key, value)
                continue
            kept = ticket.decode(value)
            self._load_ticket(key, kept, stale=stale)
            if not kept.is_judged_by(policies):
                others.append(key)
        if others:
            self._judging.begin(iter(others), len(others))
        derived: dict[bytes, bytes] = {}
        for n, (key, value) in enumerate(self._store.derived_items()):
            if n % _A_LOT == 0:
                yield
            if key.startswith(_FORGOTTEN):
                derived[key] = value
            elif key.startswith(_CELL) and not stale:
                step, slot, cell_key = _decode_cell_key(key[1:])
                self.windows.load(step, slot, cell_key, cell_of(_decode_cell(value)))
        self._forgotten = {key[1:]: int(value) for key, value in sorted(derived.items(), key=lambda row: int(row[1]))}
        if stale:
            for n, (key, cell) in enumerate(self._cells()):
                if n % _A_LOT == 0:
                    yield
                if cell is not None:
                    derived[key] = cell
            self._store.rebuild_derived(derived)

    def chunk(self, records: Sequence[Record], now: int) -> Changes:
        """Apply records of the input topics."""
        self.tick(now)
        changes = Changes()
        self._intake.at(now)
        # Ticket by ticket: one is read, changed and written while it is in the processor's cache.
        by_key: defaultdict[bytes | None, list[Record]] = defaultdict(list)
        for record in records:
            by_key[record.key].append(record)
        for key, of_key in by_key.items():
            if key is not None and self._cut_short(changes, key, of_key):
                continue
            work = None
            for record in of_key:
                event = self._intake.read(changes, record)
                if isinstance(event, AgentStatusChanged):
                    self._intake.applied(changes, record, self._agent_status(changes, event))
                elif event is not None:
                    work = self._event(changes, work, record, event)
            if key is not None and work is not None and work.facts:
                work.ticket.received_at = now
                self._finish(changes, key, work)
        self._put_cells(changes)
        self._meter()
        return changes

    def wake_at(self) -> int | None:
        """The earliest alarm; at once while there are tickets to judge anew."""
        self._follow_policies()
        if self._unwritten or self._judging.going_on:
            return _NOW
        first, alarm = self._ready.first(), self._alarms.next()
        return first if alarm is None else alarm if first is None else min(first, alarm)

    def prepare(self, now: int) -> bool:
        """Makes ready, a few at a time, what alarms that have come will announce after the grace; whether more is left.

        Where ten thousand deadlines are due at one instant, all of them are told at once then.
        """
        policies, rules = self.rules.policies, self.rules
        self._follow_policies()
        if self._judging.going_on:
            return False
        for _ in range(_READY_A_CALL):
            at = self._alarms.next()
            if at is None or at > now or len(self._ready) + len(self._unwritten) >= _READY:
                return False
            key = self._alarms.pop()
            ready = Ready(at)
            self._ready.add(key, ready)
            with suppress(Exception):  # the ring meets it again, and says so
                work = self._take(self._store.get(key))
                gate = alerts.Gate(at, now + rules.grace, rules.grace, rules.max_age)
                ready.announced = alerts.ring(key.decode(), work.ticket, policies, gate)
                ready.work = work if ready.announced else None  # None: it is to be forgotten
        return True

    def is_ready(self, read_up_to: int) -> bool:
        """Whether alerts that were made ready may be announced."""
        first = self._ready.first()
        return first is not None and first + self.rules.grace <= read_up_to

    def ring(self, read_up_to: int, now: int) -> Changes:
        """Announce what is due, judge by changed policies, forget what is past the retention."""
        self.tick(now)
        changes = Changes()
        gate = alerts.Gate(read_up_to - self.rules.grace, now, self.rules.grace, self.rules.max_age)
        if self._announce(changes, gate):
            return changes
        left = _WORK_A_RING
        while left > 0:
            due = self._alarms.next()
            is_due = due is not None and due <= gate.up_to
            if not is_due and self._unwritten:
                self._write(changes, next(reversed(self._unwritten)))
                left -= _OF_AN_ALARM
                continue
            # Alarms first: after a change of policies a million tickets may wait to be judged.
            key = self._alarms.pop() if is_due else self._judging.next()
            if key is None:
                break
            try:
                left -= self._ring(changes, key, gate) if is_due else self._judge(changes, key, gate)
            except Exception:  # one ticket's fault must not stop the others: its next event has it ring again
                left -= _OF_JUDGING
                log.exception("ticket %s: its alarm could not be rung", key.decode())
        self._put_cells(changes)
        self._meter()
        return changes

    def recall(self, said: Sequence[Record], now: int) -> Changes:
        """Tickets remember alerts of theirs that they do not know of, and correct those that were wrong.

        They are judged by `ring`, up to the present: the ledger says nothing in between.
        """
        self.tick(now)
        changes = Changes()
        tickets: dict[bytes, Ticket] = {}
        for record in said:
            key = record.key
            value = self._store.get(key) if key else None
            try:
                alert = alert_record.read(record.value or b"")
            except msgspec.MsgspecError:  # somebody else's: the notifier counts it
                continue
            if key is None or value is None or alert.ticket_id.encode() != key:
                continue
            kept = tickets.get(key) or ticket.decode(value)
            if alerts.recall(kept, alert):
                tickets[key] = kept
        for key, kept in tickets.items():
            changes.tickets[key] = ticket.encode(kept)
            self._alarms.set(key, self._next_alarm(key.decode(), kept))
        return changes

    def rest(self, now: int) -> Changes:
        """Writes the tickets whose alerts are out, all of them: another is to own the partition."""
        self.tick(now)
        changes = Changes()
        while self._unwritten:
            self._write(changes, next(reversed(self._unwritten)))
        self._put_cells(changes)
        self._meter()
        return changes

    def close(self) -> None:
        """Lets go of the store; all else is derived."""
        self._judging.end()

    # Reading

    @property
    def to_judge(self) -> int:
        """How many tickets still wait to be judged by the policies in force, or to be found judged by them."""
        return self._judging.left

    def ticket(self, ticket_id: str) -> Ticket | None:
        """A ticket as it is kept; None where it is not."""
        value = self._store.get(ticket_id.encode())
        return ticket.decode(value) if value is not None else None

    def pressing(self, most: int, alarms: int, before: int) -> Pressing:
        """Tickets that are overdue, and those of the next alarms, as they are kept: to be read off the loop.

        No ticket falls due before its alarm. So all that fall due before the last of these alarms are among them, or
        among those whose alarm has come and is being announced. No alarm is looked at that is not `before` an instant.
        """
        coming = self._alarms.first(alarms, before)
        soon = [*islice(self._ready.keys(), alarms), *islice(self._unwritten, alarms), *[key for _, key in coming]]
        return Pressing(
            [(key, self._store.get(key)) for key in self.overdue.ends(most)],
            [(key, self._store.get(key)) for key in soon],
            coming[-1][0] if len(coming) == alarms else before,
            len(self.overdue),
        )

    # Inside

    def tick(self, now: int) -> None:
        """Time has passed: the windows move on. Called once a second where nothing else happens."""
        self._now = now
        self.windows.advance(now)
        self._follow_policies()

    def _follow_policies(self) -> None:
        """Where others came into force since the last call, all tickets are to be judged by them."""
        if self._judging_by != self.rules.policies.fingerprint:
            self._judge_by(self.rules.policies)
            self._unready()
            # Found by and by: looking for a million tickets at once would stop the stream.
            self._judging.begin(self._all_keys(), self.tickets)

    def _judge_by(self, policies: Policies) -> None:
        self._judging_by = policies.fingerprint
        self._shortcut: Shortcut | None = None
        if Shortcut is not None and self.rules.shortcut:
            self._shortcut = Shortcut(policies, {topic: tag_of(kind) for topic, kind in self.rules.inputs.items()})

    def _all_keys(self) -> Iterator[bytes]:
        for key in self._store.all_keys():
            if not key.startswith(AGENT):
                yield key

    def _announce(self, changes: Changes, gate: alerts.Gate) -> int:
        """Of what was made ready all that is due: their alerts alone, the tickets are written by and by."""
        first = self._ready.first()
        if first is not None and gate.now > first + gate.grace + alerts.LATE:
            self._unready()  # input stalled meanwhile: the alerts are to say how late they are
        decided_at = format_instant(gate.now)
        counts: Counter[tuple[str, str, str]] = Counter()
        told = 0
        while told < _ALERTS_A_RING and (at := self._ready.first()) is not None and at <= gate.up_to:
            key, ready = self._ready.pop()
            if ready.work is None:
                self._alarms.set(key, at)
                continue
            late = []
            for due, alert in ready.announced:
                alert.decided_at = decided_at
                if alert.kind == "raised" and not alert.late:
                    late.append(max(0, gate.now - due.at - gate.grace) / SECOND)
                changes.alerts.append(Out(self.rules.alerts, key, _encode_json(alert)))
                counts[alert.target, alert.level, alert.kind] += 1
            self._unwritten[key] = (ready.work, late)
            told += 1
        for labels, n in counts.items():
            self._meters.alerts.labels(*labels).inc(n)
        return told

    def _write(self, changes: Changes, key: bytes) -> None:
        """Write a ticket whose alerts are out."""
        work, late = self._unwritten.pop(key)
        for seconds in late:
            self._meters.lateness.observe(seconds)
        self._finish(changes, key, work)

    def _newest(self, changes: Changes, key: bytes) -> bytes | None:
        """A ticket's value as it is by now."""
        if key in self._unwritten:
            self._write(changes, key)
        return changes.tickets[key] if key in changes.tickets else self._store.get(key)

    def _unready(self) -> None:
        for key, at in self._ready.drop_all():
            self._alarms.set(key, at)

    def _load_ticket(self, key: bytes, kept: Ticket, *, stale: bool) -> None:
        state = kept.state
        if state is None:
            self.orphans += 1
        else:
            where = windows.labels(state)
            stands = standing(state, kept.settled_at)
            self._stand(key, where, stands, 1)
            if stale:
                for item in windows.contributions(state, kept.settled_at, self._horizon()):
                    self.windows.add(where, item)
        self.tickets += 1
        self._alarms.set(key, self._next_alarm(key.decode(), kept))

    def _meter(self) -> None:
        """Once a call: a labelled counter of the metrics costs more than judging."""
        for (measure, met, sign), n in self._verdicts.items():
            meter = self._meters.verdicts if sign > 0 else self._meters.retracted
            meter.labels(MEASURES[measure], "met" if met else "breached").inc(n)
        self._verdicts.clear()
        self._meters.refolds.inc(self._judged)
        self._judged = 0
        if self._shortcut is not None:
            for topic, n in self._shortcut.take_applied().items():
                self._intake.count(topic, Outcome.APPLIED, n)
        self._intake.meter()

    def _put_cells(self, changes: Changes) -> None:
        changes.derived.update(self._cells())

    def _cells(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Cells of the windows that changed since the last time, as they are kept."""
        for step, slot, key, cell in self.windows.take_touched():
            yield _CELL + _encode((step, slot, key)), _encode(cell.row()) if cell is not None else None

    def _cut_short(self, changes: Changes, key: bytes, records: list[Record]) -> bool:
        """Apply all of a ticket's records by the shortcut, where it takes them."""
        if self._shortcut is None:
            return False
        value, rules, now = self._newest(changes, key), self.rules, self._now
        if value is None and key in self._forgotten:
            return False
        latest = now + rules.max_ahead if rules.max_ahead else 0
        course = self._shortcut.course(
            key, value, records, now, latest, self._horizon(), now - rules.max_age, rules.retention
        )
        if course is None:
            return False
        kept, record, where, gone, fresh, stood, stands, alarm = course
        self._count(where, gone, -1)
        self._count(where, fresh, 1)
        if stood != stands:
            self._stand(key, where, stood, -1)
            self._stand(key, where, stands, 1)
        known = value is not None
        self._judging.meet(key, anew=False, known=known)
        self._keep(changes, key, kept, record, known=known, is_cold=stands is None)
        self._alarms.set(key, alarm)
        return True

    def _event(self, changes: Changes, work: Work | None, record: Record, event: TicketEvent) -> Work | None:
        """Apply it to the ticket at work, or to the stored one; what is at work after it."""
        key = event.key.encode()
        try:
            if work is None:
                value = self._newest(changes, key)
                if value is None and key in self._forgotten:
                    self._intake.refuse(changes, record, "forgotten", "its ticket was done and is past the retention")
                    return None
                work = self._take(value)
            fact = event.fact()
            outcome = work.ticket.apply(fact, self.rules.policies)
        except Exception as error:  # one ticket's fault must not stop the others: a dead letter keeps it
            log.exception("ticket %s: event %s could not be applied", event.ticket_id, event.event_id)
            self._intake.refuse(changes, record, "error", f"{type(error).__name__}: {error}")
            return self._again(changes, key, work.facts) if work is not None else None
        self._intake.applied(changes, record, outcome)
        if outcome not in ticket.REJECTED and outcome is not Outcome.REPEATED:
            work.facts.append(fact)
        return work

    def _again(self, changes: Changes, key: bytes, facts: list[Fact]) -> Work:
        """The ticket as it was, with these facts: without what a failed one left in it."""
        work = self._take(self._newest(changes, key))
        for fact in facts:
            work.ticket.apply(fact, self.rules.policies)
        work.facts = facts
        return work

    def _take(self, value: bytes | None) -> Work:
        """The ticket of a stored value, or a new one, judged by the policies in force."""
        kept = ticket.decode(value) if value is not None else Ticket(self.rules.policies.fingerprint)
        return self._before(kept) if kept.is_judged_by(self.rules.policies) else self._judged_anew(kept)

    def _judged_anew(self, kept: Ticket) -> Work:
        work = self._before(kept)
        kept.judge_anew(self.rules.policies)
        work.anew = True
        if kept.state is not None and kept.state.done:
            alerts.correct_silently(kept)
        self._judged += 1
        return work

    def _before(self, kept: Ticket) -> Work:
        state = kept.state
        if state is None:
            return Work(kept, None, [], None)
        counted = windows.contributions(state, kept.settled_at, self._horizon())
        return Work(kept, windows.labels(state), counted, standing(state, kept.settled_at))

    def _horizon(self) -> int:
        return self._now - self.windows.reach

    def _finish(self, changes: Changes, key: bytes, work: Work) -> None:
        """Write a changed ticket, and count the difference it makes."""
        ticket_id, kept = key.decode(), work.ticket
        if kept.judged_by == self.rules.policies.fingerprint:  # it was judged or changed by those in force
            kept.judged_by = kept.judgement(self.rules.policies)
            self._judging.meet(key, anew=work.anew, known=work.known)
        after = self._before(kept)
        if (work.labels, work.counted) != (after.labels, after.counted):
            self._recount(work, after)
        if (work.labels, work.standing) != (after.labels, after.standing):
            self._stand(key, work.labels, work.standing, -1)
            self._stand(key, after.labels, after.standing, 1)
        self.orphans += (after.labels is None) - (work.known and work.labels is None)
        record = ledger.encode(ticket_id, kept)
        self._keep(changes, key, ticket.encode(kept), record, known=work.known, is_cold=after.standing is None)
        self._alarms.set(key, self._next_alarm(ticket_id, kept))

    def _keep(
        self, changes: Changes, key: bytes, value: bytes, record: bytes | None, *, known: bool, is_cold: bool
    ) -> None:
        """Have a changed ticket written, and its record of the ledger if there is one."""
        changes.tickets[key] = value
        self._ready.drop(key)
        self.tickets += not known
        if record is not None:
            changes.records.append(Out(self.rules.ledger, key, record))
            if is_cold:
                changes.cold.add(key)

    def _stand(self, key: bytes, where: Labels | None, stands: Standing | None, n: int) -> None:
        if where is not None and stands is not None:
            self.queue.add(where, stands, n)
            overdue_since = stands[3]
            if overdue_since is not None:
                self.overdue.add(overdue_since, key, n)

    def _recount(self, before: Work, after: Work) -> None:
        if before.labels != after.labels:
            self._count(before.labels, before.counted, -1)
            self._count(after.labels, after.counted, 1)
            return
        gone, fresh = list(before.counted), []
        for item in after.counted:
            if item in gone:
                gone.remove(item)
            else:
                fresh.append(item)
        self._count(before.labels, gone, -1)
        self._count(after.labels, fresh, 1)

    def _count(self, where: Labels | None, items: list[Contribution], sign: int) -> None:
        if where is None:
            return
        for item in items:
            self.windows.add(where, item, sign)
            measure, _, met, _ = item
            if measure < ARRIVALS:
                self._verdicts[measure, met, sign] += 1

    def _next_alarm(self, ticket_id: str, kept: Ticket) -> int | None:
        announcing = alerts.next_alarm(ticket_id, kept, self.rules.policies, self._now - self.rules.max_age)
        if kept.state is not None and not kept.state.done:
            return announcing
        forgetting = self._forget_at(kept)
        return forgetting if announcing is None else min(announcing, forgetting)

    def _forget_at(self, kept: Ticket) -> int:
        """Counted from the last event's arrival too: a history read in for the first time is not forgotten at once."""
        done_at = kept.state.done_at if kept.state is not None else None
        return max(done_at or 0, kept.received_at) + self.rules.retention

    def _judge(self, changes: Changes, key: bytes, gate: alerts.Gate) -> int:
        """Judge a ticket by the policies in force, unless it is; how much work that was."""
        value = self._newest(changes, key)
        if value is None:  # forgotten meanwhile
            return _OF_A_LOOK
        kept = ticket.decode(value)
        if kept.is_judged_by(self.rules.policies):
            self._judging.spared()
            return _OF_A_LOOK
        self._announce_of(changes, key, self._judged_anew(kept), gate)
        self._judging.over(key)
        return _OF_JUDGING + _OF_A_FACT * kept.count

    def _ring(self, changes: Changes, key: bytes, gate: alerts.Gate) -> int:
        """Announce what a ticket's alarm rings for; how much work that was."""
        value = self._newest(changes, key)
        if value is not None:  # else it was forgotten meanwhile
            self._announce_of(changes, key, self._take(value), gate)
        return _OF_AN_ALARM

    def _announce_of(self, changes: Changes, key: bytes, work: Work, gate: alerts.Gate) -> None:
        kept = work.ticket
        forgetting = (kept.state is None or kept.state.done) and self._forget_at(kept) <= gate.up_to
        announced = alerts.ring(key.decode(), kept, self.rules.policies, gate)
        for due, alert in announced:
            if alert.kind == "raised" and not alert.late:
                self._meters.lateness.observe(max(0, gate.now - due.at - gate.grace) / SECOND)
            changes.alerts.append(Out(self.rules.alerts, key, _encode_json(alert)))
            self._meters.alerts.labels(alert.target, alert.level, alert.kind).inc()
        if announced or not forgetting:
            self._finish(changes, key, work)
        if forgetting:
            self._forget(changes, key, work)

    def _forget(self, changes: Changes, key: bytes, work: Work) -> None:
        self._stand(key, work.labels, work.standing, -1)
        changes.tickets[key] = None
        self._judging.meet(key, anew=work.anew, known=work.known)
        self._ready.drop(key)
        changes.derived[_FORGOTTEN + key] = b"%d" % self._now
        self._forgotten[key] = self._now
        self._alarms.set(key, None)
        self.tickets -= 1
        self.orphans -= work.labels is None
        self._meters.forgotten.inc()
        for old, at in list(islice(self._forgotten.items(), 2)):  # the oldest first: two out for each one in
            if at + self.rules.retention < self._now:
                del self._forgotten[old]
                changes.derived[_FORGOTTEN + old] = None

    def _agent_status(self, changes: Changes, event: AgentStatusChanged) -> Outcome:
        row = self.staff.apply(event)
        if row is None:
            return Outcome.REPEATED
        key, value = row
        changes.tickets[key] = value
        return Outcome.APPLIED
