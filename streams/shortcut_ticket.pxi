# What a ticket is made of: what is promised to it, its clocks and replies, where it stands and what it counts for.

# What has more of these is declined; the whole way folds some of them from 64 and from 512 on.
cdef enum:
    CLOCKS = 60
    REPLIES = 60
    CHANGES = 500  # instants and statuses of the timeline
    WARNINGS = 8
    CONTRIBUTIONS = 1 + REPLIES + CLOCKS
    TARGET_COUNT = 7

cdef enum:
    FIRST_RESPONSE, NEXT_RESPONSE, RESOLUTION, FOLLOW_UP, ACCEPTANCE, TEAM_ANSWER, COMPLAINT_RESOLUTION
    ARRIVALS, REPLIED, GIVEN_UP

cdef enum:
    OPEN, WAITING, ON_HOLD, RESOLVED, CLOSED, CANCELLED

cdef enum:
    RESPONSES = 1 << FIRST_RESPONSE | 1 << NEXT_RESPONSE
    HAND_OVER = 1 << ACCEPTANCE | 1 << TEAM_ANSWER
    ANSWERED = RESPONSES | 1 << FOLLOW_UP
    ALL = (1 << TARGET_COUNT) - 1

cdef enum Answer:
    ANY, BY_REPLY, BY_RESOLUTION

cdef struct Promise:
    bint given
    bint always
    bint by_reply
    bint by_resolution
    int rests
    int warnings
    long long limit
    long long warn[WARNINGS]
    Text policy

cdef struct Clock:
    int target
    bint withdrawn
    bint final
    long long cycle
    long long start
    long long limit
    long long stop
    long long elapsed
    long long breached
    long long since
    long long accrued
    long long deadline
    long long origin
    long long base
    Text policy

cdef struct Reply:
    long long at
    Text agent_id
    Text team
    bint timed
    double seconds

cdef struct Contribution:
    int measure
    bint met
    long long at
    long long duration

cdef struct Standing:
    bint stands
    bint unanswered
    int status
    long long overdue_since
    long long waits_since
    long long due_at

_ATTRIBUTES = ("priority", "channel", "team", "agent_id", "customer_id", "category", "kind")
_LABELS = ("team", "priority", "channel")
cdef Text _STATUS_NAMES[6]
cdef Text _TARGET_NAMES[TARGET_COUNT]
cdef Text _ABANDONED
cdef list _HELD = [status.encode() for status in STATUSES] + [target.encode() for target in TARGETS]
cdef bytes _ABANDONED_HELD = ABANDONED.encode()
cdef int _SUMMARISED = STEP + AT_LEAST, _AT_MOST = AT_MOST


cdef void _learn_states():
    cdef int place
    for place in range(6):
        _STATUS_NAMES[place] = _of(_HELD[place])
    for place in range(TARGET_COUNT):
        _TARGET_NAMES[place] = _of(_HELD[6 + place])


_learn_states()
_ABANDONED = _of(_ABANDONED_HELD)
assert [STATUS_CODE[name] for name in STATUSES] == [OPEN, WAITING, ON_HOLD, RESOLVED, CLOSED, CANCELLED]


cdef int _status(Text name) except -1:
    cdef int status
    for status in range(6):
        if _same(_STATUS_NAMES[status], name):
            return status
    raise _Declined


class _Attributes:
    """What policies match on."""

    def __init__(self, named):
        self.tags = None
        self.__dict__.update(named)


cdef class Terms:
    """What is promised to tickets of certain attributes, and by what they are counted."""

    cdef Promise promises[TARGET_COUNT]
    cdef list calendars
    cdef list held
    cdef bytes fingerprint
    cdef tuple labels
    cdef bint plain

    def __init__(self, promises, labels):
        cdef int target
        cdef Promise* mine
        self.fingerprint = promises.fingerprint.encode()
        self.labels = labels
        self.plain = promises.timeless is not None
        self.calendars = [None] * TARGET_COUNT
        self.held = []
        if not self.plain:
            return
        for target, promise in enumerate(promises.timeless):
            mine = &self.promises[target]
            mine.given = promise is not None
            if promise is None:
                continue
            policy = promise.policy.encode()
            self.held.append(policy)
            self.calendars[target] = promise.calendar
            mine.policy = _of(policy)
            mine.always = promise.calendar is ALWAYS
            mine.by_reply = "reply" in promise.met_by
            mine.by_resolution = "resolved" in promise.met_by
            mine.limit = promise.limit
            mine.rests = 0
            for status in promise.rests:
                mine.rests |= 1 << <int>status
            mine.warnings = 0
            for threshold in promise.warn:
                if mine.warnings == WARNINGS:
                    self.plain = False
                    return
                mine.warn[mine.warnings] = threshold.at(promise.limit)
                mine.warnings += 1


cdef inline long long _missed_at(Clock* clock, long long breached) noexcept:
    return breached if clock.deadline == NONE or clock.deadline > breached else clock.deadline


cdef inline int _counts(
    Contribution* found, int size, int measure, long long at, bint met, long long duration
) noexcept:
    found[size].measure, found[size].at, found[size].met, found[size].duration = measure, at, met, duration
    return size + 1


cdef inline bint _alike(Contribution* one, Contribution* other) noexcept:
    return (
        one.measure == other.measure and one.at == other.at and one.met == other.met
        and one.duration == other.duration
    )


cdef tuple _contribution(Contribution* one):
    return (one.measure, one.at, <bint>one.met, _number(one.duration))


cdef object _standing(Standing* one):
    if not one.stands:
        return None
    return (
        <bint>one.unanswered, <bint>(one.status == WAITING), <bint>(one.status == ON_HOLD),
        _number(one.overdue_since), _number(one.waits_since), _number(one.due_at),
    )


cdef int _load_clock(Cursor* cursor, Clock* clock) except -1:
    _expect(cursor, 0x9F)
    clock.target = _integer(cursor)
    if not 0 <= clock.target < TARGET_COUNT:
        raise _Declined
    clock.cycle, clock.start = _integer(cursor), _integer(cursor)
    clock.policy = _text(cursor)
    clock.limit, clock.stop, clock.elapsed = _integer(cursor), _integer(cursor), _integer(cursor)
    clock.breached = _integer(cursor)
    clock.withdrawn, clock.final = _truth(cursor), _truth(cursor)
    clock.since, clock.accrued, clock.deadline = _integer(cursor), _integer(cursor), _integer(cursor)
    clock.origin, clock.base = _integer(cursor), _integer(cursor)
    return 0


cdef int _load_reply(Cursor* cursor, Reply* reply) except -1:
    cdef unsigned long long bits
    _expect(cursor, 0x99)
    _expect(cursor, REPLY)
    reply.at = _integer(cursor)
    _integer(cursor)
    _text(cursor)
    reply.agent_id, reply.team = _text(cursor), _text(cursor)
    _truth(cursor)
    _truth(cursor)
    _left(cursor, 1)
    reply.timed = cursor.at[0] != 0xC0
    if reply.timed:
        _expect(cursor, 0xCB)
        bits = _unsigned(cursor, 8)
        memcpy(&reply.seconds, &bits, 8)
    else:
        cursor.at += 1
    return 0
