# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""What most tickets come to by most events: from bytes to bytes, without a Python object for each thing between.

It takes a ticket as it is stored and the JSON of its new events, and gives what `streams.ticket`, `streams.ledger`,
`streams.windows`, `streams.queue` and `streams.alerts` give, to the byte (tests/laws/test_shortcut_laws.py). Those say
what is right. Whatever is less common (an event out of order, a repeat, a reopening, a ticket of which an alert was
told, any field that is not plain) is declined, and theirs to do: a rule that is not here costs speed alone.

Texts are slices of the bytes that they came in: those stay alive as long as a call lasts.
"""

from libc.limits cimport LLONG_MIN
from libc.math cimport rint
from libc.stdlib cimport free, realloc
from libc.string cimport memcmp, memcpy
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free

cdef extern from "Python.h":
    char* PyOS_double_to_string(double, char, int, int, int*) except NULL
    double PyOS_string_to_double(const char*, char**, object) except? -1.0
    int Py_DTSF_ADD_DOT_0

cdef extern from * nogil:
    """
    #include <string.h>
    /* memmem is not everywhere. */
    static int slawatch_holds(const unsigned char *in, Py_ssize_t size, const unsigned char *what, Py_ssize_t length) {
        const unsigned char *found;
        for (; size >= length; size -= found - in + 1, in = found + 1) {
            found = memchr(in, what[0], size - length + 1);
            if (found == NULL) return 0;
            if (memcmp(found, what, length) == 0) return 1;
        }
        return 0;
    }
    """
    bint slawatch_holds(const unsigned char*, Py_ssize_t, const unsigned char*, Py_ssize_t)

from streams.calendar import ALWAYS
from streams.events import MAX_BYTES, YEARS
from streams.facts import STATUS_CODE
from streams.policies import MEMO_LIMIT, STATUSES, TARGETS
from streams.ticket import AT_LEAST, AT_MOST, STEP, UPDATED
from streams.windows import ABANDONED


class _Declined(Exception):
    """It is not for this module."""


cdef long long NONE = LLONG_MIN

include "shortcut_bytes.pxi"
include "shortcut_events.pxi"
include "shortcut_ticket.pxi"


cdef class Shortcut:
    """Judges by these policies. `topics`: the type of the events on each."""

    cdef object policies
    cdef bytes fingerprint
    cdef dict kinds
    cdef list asked  # places in `attribute` of those that policies match on, and of the labels
    cdef dict memo
    cdef Buffer out
    cdef Buffer facts
    cdef Buffer replied
    cdef Buffer scratch
    # The ticket at work
    cdef Text judged_by
    cdef Text ticket_id
    cdef Text newest_id
    cdef long long newest_at
    cdef long long newest_seq
    cdef long long count
    cdef Text history
    cdef long long full_at
    cdef long long settled_at
    cdef long long received_at
    # Its state
    cdef long long created_at
    cdef bint by_agent
    cdef Text attribute[7]  # priority, channel, team, agent_id, customer_id, category, kind
    cdef int status
    cdef Text reason
    cdef long long last_at
    cdef long long done_at
    cdef bint owed
    cdef long long timeline[CHANGES + 2]
    cdef int changes
    cdef Clock clocks[CLOCKS]
    cdef int clock_count
    cdef long long cycles[TARGET_COUNT]
    cdef long long reopenings
    cdef Text kept_replies
    cdef Reply replies[REPLIES]
    cdef int reply_count
    cdef long long replied_in_all
    cdef Contribution counted[2][CONTRIBUTIONS]
    cdef long long applied[5]  # events by kind

    def __init__(self, policies, topics):
        self.policies = policies
        self.fingerprint = policies.fingerprint.encode()
        self.kinds = {topic: (_KINDS[tag], tag.encode()) for topic, tag in topics.items() if tag in _KINDS}
        self.asked = [place for place, name in enumerate(_ATTRIBUTES) if name in (*_LABELS, *policies.asked)]
        self.memo = {}
        self.out, self.facts, self.replied, self.scratch = Buffer(), Buffer(), Buffer(), Buffer()

    def course(
        self, bytes key, value, list records, long long now, long long latest, long long since,
        long long announced_from, long long retention,
    ):
        try:
            return self._course(key, value, records, now, latest, since, announced_from, retention)
        except Exception:  # whatever it was: who does it in full will tell
            return None

    def take_applied(self):
        found = {topic: self.applied[kind] for topic, (kind, _) in self.kinds.items()}
        for kind in range(5):
            self.applied[kind] = 0
        return found

    cdef tuple _course(
        self, bytes key, object value, list records, long long now, long long latest, long long since,
        long long announced_from, long long retention,
    ):
        cdef Event event
        cdef Terms terms = None
        cdef Standing before, after
        cdef int had = 0, has, kind
        cdef long long applied[5]
        cdef bytes tag
        cdef bint known = value is not None
        before.stands = False
        for kind in range(5):
            applied[kind] = 0
        self.facts.size = self.replied.size = 0
        self.ticket_id = _of(key)
        if known:
            self._load(value)
            terms = self._terms()
            if not _same(self.judged_by, _of(self.fingerprint)) and not _same(self.judged_by, _of(terms.fingerprint)):
                raise _Declined
            had = self._count(self.counted[0], since)
            self._stand(&before)
        for record in records:
            kind, tag = self.kinds[record.topic]
            _read(record.value, kind, tag, &event)
            applied[kind] += 1
            if not _same(event.text[F_TICKET_ID], self.ticket_id) or (latest and event.at > latest):
                raise _Declined
            if not known and terms is None:
                terms = self._found(&event)
            else:
                self._apply(&event, terms)
        self.received_at = now
        has = self._count(self.counted[1], since)
        self._stand(&after)
        self._judge(terms)
        written = self._row()
        ledger = self._ledger()
        gone, fresh = self._difference(had, has)
        alarm = self._alarm(terms, announced_from)
        if self.status >= RESOLVED:
            alarm = _least(alarm, max(0 if self.done_at == NONE else self.done_at, now) + retention)
        stood, stands = _standing(&before), _standing(&after)
        for kind in range(5):
            self.applied[kind] += applied[kind]
        return written, ledger, terms.labels, gone, fresh, stood, stands, _number(alarm)

    # What is promised

    cdef Terms _terms(self):
        cdef Terms terms
        cdef int place
        self.scratch.size = 0
        for place in self.asked:
            self.scratch.text(self.attribute[place])
        key = self.scratch.taken()
        found = self.memo.get(key)
        if found is None:
            if len(self.memo) >= MEMO_LIMIT:
                self.memo.clear()
            named = {name: _str(self.attribute[place]) for place, name in enumerate(_ATTRIBUTES)}
            promises = self.policies.to(_Attributes(named))
            labels = tuple([named[name] or "" for name in _LABELS])
            found = self.memo[key] = Terms(promises, labels)
        terms = found
        if not terms.plain:
            raise _Declined
        return terms

    cdef int _judge(self, Terms terms) except -1:
        """Its state was judged by those in force: it says so by what is promised to it alone, where that is all."""
        cdef Text mark = _of(UPDATED)
        if _same(self.judged_by, _of(self.fingerprint)):
            updated = slawatch_holds(self.history.at, self.history.size, mark.at, mark.size) or slawatch_holds(
                self.facts.at, self.facts.size, mark.at, mark.size
            )
            self.judged_by = _of(self.fingerprint if updated else terms.fingerprint)
        return 0

    # Clocks

    cdef long long _add(self, Terms terms, int target, long long at, long long budget) except? -77:
        if terms.promises[target].always:
            return at + budget
        return terms.calendars[target].add(at, budget)

    cdef long long _ran(self, Terms terms, int target, long long start, long long end) except? -77:
        if terms.promises[target].always:
            return end - start if end > start else 0
        return terms.calendars[target].elapsed(start, end)

    cdef long long _overdue(self, Clock* clock, long long now) noexcept:
        if clock.breached != NONE or clock.deadline == NONE or clock.stop != NONE:
            return clock.breached
        if clock.accrued > clock.limit or (clock.since != NONE and now > clock.deadline):
            return max(clock.deadline, self.last_at)
        return NONE

    cdef int _settle(self, long long now) except -1:
        cdef int place
        for place in range(self.clock_count):
            if self.clocks[place].stop == NONE and self.clocks[place].breached == NONE:
                self.clocks[place].breached = self._overdue(&self.clocks[place], now)
        return 0

    cdef int _run_from(self, Clock* clock, long long at, Terms terms) except -1:
        clock.since = at
        if clock.deadline == NONE:
            clock.deadline = self._add(terms, clock.target, at, terms.promises[clock.target].limit - clock.accrued)
        return 0

    cdef int _rest_from(self, Clock* clock, long long at, Terms terms) except -1:
        cdef long long ran = self._ran(terms, clock.target, clock.since, at)
        cdef long long limit = terms.promises[clock.target].limit
        if clock.accrued + ran < limit:
            clock.deadline = NONE
        elif clock.deadline == NONE:
            clock.deadline = self._add(terms, clock.target, clock.since, limit - clock.accrued)
        clock.accrued += ran
        clock.since = NONE
        return 0

    cdef int _start(self, int target, long long at, Terms terms) except -1:
        cdef Clock* clock
        cdef Promise* promise = &terms.promises[target]
        if self.clock_count == CLOCKS:
            raise _Declined
        clock = &self.clocks[self.clock_count]
        clock.target, clock.cycle, clock.start, clock.origin = target, self.cycles[target], at, at
        clock.limit = clock.accrued = clock.base = 0
        clock.withdrawn = clock.final = False
        clock.stop = clock.elapsed = clock.breached = clock.since = clock.deadline = NONE
        clock.policy.at, clock.policy.size = NULL, 0
        self.cycles[target] += 1
        self.clock_count += 1
        if promise.given:
            clock.policy, clock.limit = promise.policy, promise.limit
            if not promise.rests >> self.status & 1:
                self._run_from(clock, at, terms)
        return 0

    cdef int _stop(self, int targets, long long at, Terms terms, Answer answer) except -1:
        cdef int place
        cdef Clock* clock
        cdef Promise* promise
        for place in range(self.clock_count):
            clock = &self.clocks[place]
            if clock.stop != NONE or not targets >> clock.target & 1:
                continue
            promise = &terms.promises[clock.target]
            if RESPONSES >> clock.target & 1 and promise.given and (
                (answer == BY_REPLY and not promise.by_reply) or (answer == BY_RESOLUTION and not promise.by_resolution)
            ):
                continue
            if not promise.given:
                clock.policy.at, clock.policy.size = NULL, 0
                clock.limit, clock.elapsed = 0, NONE
            elif clock.since == NONE:
                clock.elapsed = clock.accrued
            else:
                clock.elapsed = clock.accrued + self._ran(terms, clock.target, clock.since, at)
            clock.stop, clock.since = at, NONE
        return 0

    # What events do

    cdef Terms _found(self, Event* event):
        cdef int place
        cdef Terms terms
        if event.kind != CREATED:
            raise _Declined
        self.judged_by = _of(self.fingerprint)
        self.count, self.full_at, self.settled_at = 0, 0, 0
        self.history.at, self.history.size = NULL, 0
        self.kept_replies = self.history
        self.created_at = self.last_at = event.at
        self.by_agent = False
        if event.text[F_CREATED_BY].at != NULL:
            if event.text[F_CREATED_BY].size == 5 and memcmp(event.text[F_CREATED_BY].at, b"agent", 5) == 0:
                self.by_agent = True
            elif event.text[F_CREATED_BY].size != 8 or memcmp(event.text[F_CREATED_BY].at, b"customer", 8):
                raise _Declined
        for place in range(7):
            self.attribute[place] = event.text[F_PRIORITY + place]
        self.status, self.owed, self.done_at = OPEN, False, NONE
        self.reason.at, self.reason.size = NULL, 0
        self.timeline[0], self.timeline[1], self.changes = event.at, OPEN, 2
        self.clock_count = self.reply_count = 0
        self.reopenings = self.replied_in_all = 0
        for place in range(TARGET_COUNT):
            self.cycles[place] = 0
        terms = self._terms()
        self._keep(event)
        if not self.by_agent:
            self._start(FIRST_RESPONSE, event.at, terms)
        self._start(RESOLUTION, event.at, terms)
        return terms

    cdef int _keep(self, Event* event) except -1:
        """It goes to the history as a fact, and is the newest."""
        cdef Buffer facts = self.facts
        cdef Py_ssize_t begin
        cdef int place
        self.count += 1
        if self.count >= _SUMMARISED and (event.at > self.full_at or self.count > _AT_MOST):
            raise _Declined
        self.newest_at, self.newest_seq, self.newest_id = event.at, event.seq, event.text[F_EVENT_ID]
        begin = facts.size
        facts.array(13 if event.kind == CREATED else 9 if event.kind == REPLY else 4 if event.kind == WROTE else 7)
        facts.integer(event.kind)
        facts.integer(event.at)
        facts.integer(event.seq)
        facts.text(event.text[F_EVENT_ID])
        if event.kind == CREATED:
            for place in range(7):
                facts.text(self.attribute[place])
            facts.byte(0xC0)
            facts.truth(self.by_agent)
        elif event.kind == REPLY:
            facts.text(event.text[F_AGENT_ID])
            facts.text(event.text[F_TEAM])
            facts.truth(_is_public(event))
            facts.truth(_is_automated(event))
            if event.what[F_HANDLE_SECONDS]:
                facts.double(_handled(event.text[F_HANDLE_SECONDS]))
            else:
                facts.byte(0xC0)
            if _is_public(event) and not _is_automated(event):
                self.replied.put(facts.at + begin, facts.size - begin)
        elif event.kind == STATUS:
            facts.integer(_status(event.text[F_STATUS]))
            facts.text(event.text[F_REASON])
            facts.text(event.text[F_ACCEPTED_BY])
        return 0

    cdef int _apply(self, Event* event, Terms terms) except -1:
        cdef long long at = max(event.at, self.created_at)
        if event.kind == CREATED or not self._is_newest(event) or self._is_known(event.text[F_EVENT_ID]):
            raise _Declined
        self._keep(event)
        self._settle(at)
        self.last_at = at
        if event.kind == REPLY:
            self._replied(event, at, terms)
        elif event.kind == WROTE:
            self._wrote(at, terms)
        else:
            self._status_set(event, at, terms)
        return self._settle(at)

    cdef bint _is_newest(self, Event* event) noexcept:
        cdef Text mine = event.text[F_EVENT_ID]
        cdef int order
        if event.at != self.newest_at:
            return event.at > self.newest_at
        if event.seq != self.newest_seq:
            return event.seq > self.newest_seq
        order = memcmp(mine.at, self.newest_id.at, min(mine.size, self.newest_id.size))
        return order > 0 or (order == 0 and mine.size > self.newest_id.size)

    cdef bint _is_known(self, Text event_id) except -1:
        cdef Buffer coded = self.scratch
        coded.size = 0
        coded.text(event_id)
        if slawatch_holds(self.facts.at, self.facts.size, coded.at, coded.size):
            return True
        return self.history.size > 0 and slawatch_holds(self.history.at, self.history.size, coded.at, coded.size)

    cdef int _replied(self, Event* event, long long at, Terms terms) except -1:
        cdef bint ours
        cdef Reply* reply
        if _is_automated(event):
            return 0
        ours = event.text[F_TEAM].at == NULL or _same(event.text[F_TEAM], self.attribute[2])
        if not _is_public(event):
            return self._stop(HAND_OVER, at, terms, ANY) if ours else 0
        if self.reply_count == REPLIES:
            raise _Declined
        self.owed = False
        self.replied_in_all += 1
        reply = &self.replies[self.reply_count]
        self.reply_count += 1
        reply.at, reply.agent_id, reply.team = event.at, event.text[F_AGENT_ID], event.text[F_TEAM]
        reply.timed = event.what[F_HANDLE_SECONDS] != 0
        if reply.timed:
            reply.seconds = _handled(event.text[F_HANDLE_SECONDS])
        self._stop(ANSWERED | HAND_OVER if ours else ANSWERED, at, terms, BY_REPLY)
        if self.status < RESOLVED:
            self._start(FOLLOW_UP, at, terms)
        return 0

    cdef int _wrote(self, long long at, Terms terms) except -1:
        cdef int place
        for place in range(self.clock_count):
            if self.clocks[place].stop == NONE and RESPONSES >> self.clocks[place].target & 1:
                return 0
        if self.status >= RESOLVED:
            self.owed = True
            return 0
        return self._start(NEXT_RESPONSE if self.cycles[FIRST_RESPONSE] else FIRST_RESPONSE, at, terms)

    cdef int _status_set(self, Event* event, long long at, Terms terms) except -1:
        cdef int status = _status(event.text[F_STATUS])
        cdef bint was_done = self.status >= RESOLVED
        if was_done and status < RESOLVED:
            raise _Declined
        if event.text[F_ACCEPTED_BY].at != NULL and _same(event.text[F_ACCEPTED_BY], self.attribute[2]):
            self._stop(1 << ACCEPTANCE, at, terms, ANY)
        if status == RESOLVED or status == CLOSED:
            self._stop(ALL, at, terms, BY_RESOLUTION)
        self._move(status, at, terms)
        self.reason = event.text[F_REASON]
        if status < RESOLVED:
            self.done_at = NONE
        elif not was_done:
            self.done_at = at
        return 0

    cdef int _move(self, int status, long long at, Terms terms) except -1:
        cdef int place
        cdef Clock* clock
        if status == self.status:
            return 0
        if self.changes >= CHANGES:
            raise _Declined
        self.status = status
        self.timeline[self.changes], self.timeline[self.changes + 1] = at, status
        self.changes += 2
        for place in range(self.clock_count):
            clock = &self.clocks[place]
            if clock.stop != NONE or clock.policy.at == NULL:
                continue
            if not terms.promises[clock.target].given:
                raise _Declined
            if terms.promises[clock.target].rests >> status & 1:
                if clock.since != NONE:
                    self._rest_from(clock, at, terms)
            elif clock.since == NONE:
                self._run_from(clock, at, terms)
        return 0

    # What follows from it

    cdef int _count(self, Contribution* found, long long since) except -1:
        cdef int place, size = 0
        cdef Clock* clock
        cdef long long breached
        if self.created_at >= since:
            size = _counts(found, size, ARRIVALS, self.created_at, True, NONE)
        for place in range(self.reply_count):
            if self.replies[place].at >= since:
                size = _counts(
                    found, size, REPLIED, self.replies[place].at, True,
                    <long long>rint(self.replies[place].seconds * 1000000.0) if self.replies[place].timed else NONE,
                )
        if self.status == CANCELLED:
            if _same(self.reason, _ABANDONED) and self.done_at != NONE and self.done_at >= since:
                for place in range(self.clock_count):
                    clock = &self.clocks[place]
                    if clock.target == FIRST_RESPONSE and clock.stop == NONE:
                        size = _counts(
                            found, size, GIVEN_UP, self.done_at, True,
                            clock.accrued if clock.policy.at != NULL else NONE,
                        )
            return size
        for place in range(self.clock_count):
            clock = &self.clocks[place]
            breached = self._overdue(clock, self.settled_at)
            if breached != NONE:
                if breached >= since:
                    size = _counts(found, size, clock.target, breached, False, clock.elapsed)
            elif clock.stop != NONE and clock.stop >= since and clock.policy.at != NULL and not clock.withdrawn:
                size = _counts(found, size, clock.target, clock.stop, True, clock.elapsed)
        return size

    cdef tuple _difference(self, int had, int has):
        """What it contributed before and does no longer, and what it contributes now and did not."""
        cdef list gone = [], fresh = []
        cdef bint met[CONTRIBUTIONS]
        cdef int place, other
        cdef Contribution* one
        for other in range(had):
            met[other] = False
        for place in range(has):
            one = &self.counted[1][place]
            for other in range(had):
                if not met[other] and _alike(one, &self.counted[0][other]):
                    met[other] = True
                    break
            else:
                fresh.append(_contribution(one))
        for other in range(had):
            if not met[other]:
                gone.append(_contribution(&self.counted[0][other]))
        return gone, fresh

    cdef int _stand(self, Standing* found) except -1:
        cdef int place
        cdef Clock* clock
        cdef long long breached
        found.stands = self.status < RESOLVED
        found.unanswered = False
        found.status = self.status
        found.overdue_since = found.waits_since = found.due_at = NONE
        if not found.stands:
            return 0
        for place in range(self.clock_count):
            clock = &self.clocks[place]
            if clock.stop != NONE:
                continue
            if RESPONSES >> clock.target & 1:
                found.unanswered = found.unanswered or clock.target == FIRST_RESPONSE
                found.waits_since = _least(found.waits_since, clock.start)
            breached = self._overdue(clock, self.settled_at)
            if breached != NONE:
                found.overdue_since = _least(found.overdue_since, _missed_at(clock, breached))
            elif clock.since != NONE:
                found.due_at = _least(found.due_at, clock.deadline)
        return 0

    cdef long long _alarm(self, Terms terms, long long announced_from) except? -77:
        cdef int place, warning
        cdef Clock* clock
        cdef Promise* promise
        cdef long long earliest = NONE, overdue_at, at
        for place in range(self.clock_count):
            clock = &self.clocks[place]
            if clock.since != NONE and clock.breached == NONE and clock.deadline >= self.settled_at:
                earliest = _least(earliest, clock.deadline)
            overdue_at = clock.breached if clock.breached != NONE or clock.since == NONE else clock.deadline
            if overdue_at == NONE or self.status == CANCELLED:
                continue
            if _missed_at(clock, overdue_at) >= announced_from:
                earliest = _least(earliest, overdue_at)
            promise = &terms.promises[clock.target]
            if clock.since == NONE or clock.breached != NONE or not promise.given:
                continue
            for warning in range(promise.warnings):
                at = clock.since
                if promise.warn[warning] > clock.accrued:
                    at = self._add(terms, clock.target, at, promise.warn[warning] - clock.accrued)
                if at < overdue_at:
                    earliest = _least(earliest, at)
        return earliest

    # As it is kept

    cdef int _load(self, object value) except -1:
        cdef Cursor cursor
        cdef int place
        cdef Py_ssize_t size
        if type(value) is not bytes:
            raise _Declined
        cursor.at = <const unsigned char*>PyBytes_AS_STRING(value)
        cursor.end = cursor.at + PyBytes_GET_SIZE(value)
        _expect(&cursor, 0x9A)
        self.judged_by = _text(&cursor)
        _expect(&cursor, 0xDC)
        _expect(&cursor, 0)
        _expect(&cursor, 27)
        self.created_at = _integer(&cursor)
        self.by_agent = _truth(&cursor)
        for place in range(7):
            self.attribute[place] = _text(&cursor)
        _expect(&cursor, 0xC0)  # tags
        self.status = _integer(&cursor)
        if not OPEN <= self.status <= CANCELLED:
            raise _Declined
        self.reason = _text(&cursor)
        self.last_at = _integer(&cursor)
        self.done_at = _integer(&cursor)
        self.owed = _truth(&cursor)
        size = _array(&cursor)
        if size > CHANGES:
            raise _Declined
        self.changes = size
        for place in range(self.changes):
            self.timeline[place] = _integer(&cursor)
        size = _array(&cursor)
        if size > CLOCKS:
            raise _Declined
        self.clock_count = size
        for place in range(self.clock_count):
            _load_clock(&cursor, &self.clocks[place])
        _expect(&cursor, 0x90 | TARGET_COUNT)
        for place in range(TARGET_COUNT):
            self.cycles[place] = _integer(&cursor)
        _expect(&cursor, 0x80)  # totals
        self.reopenings = _integer(&cursor)
        size = _array(&cursor)
        if size > REPLIES:
            raise _Declined
        self.reply_count = size
        self.kept_replies.at = cursor.at
        for place in range(self.reply_count):
            _load_reply(&cursor, &self.replies[place])
        self.kept_replies.size = cursor.at - self.kept_replies.at
        self.replied_in_all = _integer(&cursor)
        for place in range(5):  # ratings, reviews, complaints, callbacks, acknowledgements
            _expect(&cursor, 0x90)
        _expect(&cursor, 0x93)
        self.newest_at, self.newest_seq = _integer(&cursor), _integer(&cursor)
        self.newest_id = _text(&cursor)
        self.count = _integer(&cursor)
        self._load_history(&cursor)
        self.full_at = _integer(&cursor)
        _expect(&cursor, 0xC0)  # summary
        _expect(&cursor, 0x90)  # marks
        self.settled_at, self.received_at = _integer(&cursor), _integer(&cursor)
        if cursor.at != cursor.end:
            raise _Declined
        return 0

    cdef int _load_history(self, Cursor* cursor) except -1:
        cdef unsigned char head
        cdef Py_ssize_t size
        _left(cursor, 1)
        head = cursor.at[0]
        cursor.at += 1
        if not 0xC4 <= head <= 0xC6:
            raise _Declined
        size = _unsigned(cursor, 1 << (head - 0xC4))
        if size < 5:
            raise _Declined
        _left(cursor, size)
        self.history.at = cursor.at + 5  # behind the head of its array
        self.history.size = size - 5
        cursor.at += size
        return 0

    cdef bytes _row(self):
        cdef Buffer out = self.out
        cdef int place
        cdef Clock* clock
        out.size = 0
        out.array(10)
        out.text(self.judged_by)
        out.array(27)
        out.integer(self.created_at)
        out.truth(self.by_agent)
        for place in range(7):
            out.text(self.attribute[place])
        out.byte(0xC0)
        out.integer(self.status)
        out.text(self.reason)
        out.integer(self.last_at)
        out.integer(self.done_at)
        out.truth(self.owed)
        out.array(self.changes)
        for place in range(self.changes):
            out.integer(self.timeline[place])
        out.array(self.clock_count)
        for place in range(self.clock_count):
            clock = &self.clocks[place]
            out.array(15)
            out.integer(clock.target)
            out.integer(clock.cycle)
            out.integer(clock.start)
            out.text(clock.policy)
            out.integer(clock.limit)
            out.integer(clock.stop)
            out.integer(clock.elapsed)
            out.integer(clock.breached)
            out.truth(clock.withdrawn)
            out.truth(clock.final)
            out.integer(clock.since)
            out.integer(clock.accrued)
            out.integer(clock.deadline)
            out.integer(clock.origin)
            out.integer(clock.base)
        out.array(TARGET_COUNT)
        for place in range(TARGET_COUNT):
            out.integer(self.cycles[place])
        out.byte(0x80)
        out.integer(self.reopenings)
        out.array(self.reply_count)
        out.put(self.kept_replies.at, self.kept_replies.size)
        out.put(self.replied.at, self.replied.size)
        out.integer(self.replied_in_all)
        for place in range(5):
            out.byte(0x90)
        out.array(3)
        out.integer(self.newest_at)
        out.integer(self.newest_seq)
        out.text(self.newest_id)
        out.integer(self.count)
        out.binary(5 + self.history.size + self.facts.size)
        out.big_endian(0xDD, self.count, 4)
        out.put(self.history.at, self.history.size)
        out.put(self.facts.at, self.facts.size)
        out.integer(self.full_at)
        out.byte(0xC0)
        out.byte(0x90)
        out.integer(self.settled_at)
        out.integer(self.received_at)
        return out.taken()

    cdef bytes _ledger(self):
        cdef Buffer out = self.out
        cdef int place
        cdef bint more = False
        out.size = 0
        out.put(<const char*>b'{"ticket_id":', 13)
        out.quoted(self.ticket_id)
        out.put(<const char*>b',"created_at":', 14)
        out.moment(self.created_at)
        out.put(<const char*>b',"status":', 10)
        out.quoted(_STATUS_NAMES[self.status])
        out.put(<const char*>b',"clocks":[', 11)
        for place in range(self.clock_count):
            if self.clocks[place].policy.at != NULL or self.clocks[place].breached != NONE:
                if more:
                    out.byte(44)
                self._ledger_clock(&self.clocks[place])
                more = True
        out.byte(93)
        if self.by_agent:
            out.put(<const char*>b',"created_by":"agent"', 21)
        if self.reason.at != NULL:
            out.put(<const char*>b',"reason":', 10)
            out.quoted(self.reason)
        if self.done_at != NONE:
            out.put(<const char*>b',"done_at":', 11)
            out.moment(self.done_at)
        if self.reopenings:
            out.put(<const char*>b',"reopenings":', 14)
            out.decimal(self.reopenings)
        for place in range(7):
            if self.attribute[place].at != NULL:
                out.put(<const char*>b',"', 2)
                out.put(_NAMES[F_PRIORITY + place].at, _NAMES[F_PRIORITY + place].size)
                out.put(<const char*>b'":', 2)
                out.quoted(self.attribute[place])
        if self.replied_in_all:
            out.put(<const char*>b',"reply_count":', 15)
            out.decimal(self.replied_in_all)
        if self.reply_count:
            out.put(<const char*>b',"replies":[', 12)
            for place in range(self.reply_count):
                if place:
                    out.byte(44)
                self._ledger_reply(&self.replies[place])
            out.byte(93)
        out.byte(125)
        return out.taken()

    cdef int _ledger_clock(self, Clock* clock) except -1:
        cdef Buffer out = self.out
        cdef long long breached = self._overdue(clock, self.settled_at)
        out.put(<const char*>b'{"target":', 10)
        out.quoted(_TARGET_NAMES[clock.target])
        out.put(<const char*>b',"cycle":', 9)
        out.decimal(clock.cycle)
        if clock.policy.at != NULL:
            out.put(<const char*>b',"policy":', 10)
            out.quoted(clock.policy)
            out.put(<const char*>b',"limit_seconds":', 17)
            out.seconds(clock.limit)
        else:
            out.put(<const char*>b',"policy":null,"limit_seconds":null', 35)
        out.put(<const char*>b',"started_at":', 14)
        out.moment(clock.start)
        out.put(<const char*>b',"stopped_at":', 14)
        out.moment(clock.stop)
        out.put(<const char*>b',"elapsed_seconds":', 19)
        if clock.elapsed == NONE:
            out.put(<const char*>b"null", 4)
        else:
            out.seconds(clock.elapsed)
        out.put(<const char*>b',"breached_at":', 15)
        out.moment(breached)
        if self.status == CANCELLED:
            return out.put(<const char*>b',"verdict":"void"}', 18)
        if breached != NONE:
            return out.put(<const char*>b',"verdict":"breached"}', 22)
        if clock.withdrawn or (
            clock.stop == NONE and RESPONSES >> clock.target & 1 and (self.status == RESOLVED or self.status == CLOSED)
        ):
            return out.put(<const char*>b',"verdict":"void"}', 18)
        if clock.stop != NONE:
            return out.put(<const char*>b',"verdict":"met"}', 17)
        return out.put(<const char*>b',"verdict":"pending"}', 21)

    cdef int _ledger_reply(self, Reply* reply) except -1:
        cdef Buffer out = self.out
        cdef char* written
        out.put(<const char*>b'{"at":', 6)
        out.moment(reply.at)
        if reply.agent_id.at != NULL:
            out.put(<const char*>b',"agent_id":', 12)
            out.quoted(reply.agent_id)
        if reply.team.at != NULL:
            out.put(<const char*>b',"team":', 8)
            out.quoted(reply.team)
        if reply.timed:
            out.put(<const char*>b',"handle_seconds":', 18)
            written = PyOS_double_to_string(reply.seconds, b"r", 0, Py_DTSF_ADD_DOT_0, NULL)
            try:
                out.put(written, len(written))
            finally:
                PyMem_Free(written)
        return out.byte(125)
