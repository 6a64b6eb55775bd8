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
from streams.policies import STATUSES, TARGETS
from streams.ticket import AT_LEAST, AT_MOST, STEP
from streams.windows import ABANDONED


class _Declined(Exception):
    """It is not for this module."""


cdef object DECLINED = _Declined()

cdef long long NONE = LLONG_MIN

DEF CLOCKS = 60
DEF CHANGES = 500
DEF REPLIES = 60
DEF WARNINGS = 8
DEF CONTRIBUTIONS = 2 + REPLIES + CLOCKS
DEF TARGET_COUNT = 7

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

# Kinds of events: the tags of their facts.
cdef enum:
    CREATED = 0
    REPLY = 1
    WROTE = 2
    STATUS = 4

_KINDS = {"ticket_created": CREATED, "agent_replied": REPLY, "customer_replied": WROTE, "status_changed": STATUS}

cdef enum:
    F_TYPE, F_EVENT_ID, F_OCCURRED_AT, F_SEQ, F_SOURCE, F_TICKET_ID
    F_PRIORITY, F_CHANNEL, F_TEAM, F_AGENT_ID, F_CUSTOMER_ID, F_CATEGORY, F_KIND, F_TAGS, F_CREATED_BY
    F_PUBLIC, F_AUTOMATED, F_HANDLE_SECONDS, F_STATUS, F_REASON, F_ACCEPTED_BY
    FIELDS

cdef enum:
    IS_TEXT = 1
    IS_NUMBER = 2
    IS_BOOL = 4

cdef bytes _NAMES_HELD = (
    b"type event_id occurred_at seq source ticket_id priority channel team agent_id customer_id category kind tags "
    b"created_by public automated handle_seconds status reason accepted_by"
)

cdef struct Text:
    const unsigned char* at  # NULL: None
    Py_ssize_t size

cdef struct Cursor:
    const unsigned char* at
    const unsigned char* end

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

cdef struct Event:
    int kind
    long long at
    long long seq
    Text text[FIELDS]
    int what[FIELDS]
    bint yes[FIELDS]

cdef Text _NAMES[FIELDS]
cdef int _ALLOWED[5]
cdef int _TAKES[FIELDS]
cdef Text _STATUS_NAMES[6]
cdef Text _TARGET_NAMES[TARGET_COUNT]
cdef Text _ABANDONED
cdef list _HELD = [status.encode() for status in STATUSES] + [target.encode() for target in TARGETS]
cdef bytes _ABANDONED_HELD = ABANDONED.encode()
cdef long long _MAX_BYTES = MAX_BYTES
cdef int _FIRST_YEAR = YEARS.start, _LAST_YEAR = YEARS.stop - 1
cdef int _SUMMARISED = STEP + AT_LEAST, _AT_MOST = AT_MOST


cdef Text _of(bytes held):
    cdef Text text
    text.at = <const unsigned char*>PyBytes_AS_STRING(held)
    text.size = PyBytes_GET_SIZE(held)
    return text


cdef void _learn_names():
    cdef int place, begin = 0, field = 0
    cdef const unsigned char* names = <const unsigned char*>PyBytes_AS_STRING(_NAMES_HELD)
    for place in range(PyBytes_GET_SIZE(_NAMES_HELD) + 1):
        if place == PyBytes_GET_SIZE(_NAMES_HELD) or names[place] == 32:
            _NAMES[field].at = names + begin
            _NAMES[field].size = place - begin
            begin = place + 1
            field += 1
    for place in range(6):
        _STATUS_NAMES[place] = _of(_HELD[place])
    for place in range(TARGET_COUNT):
        _TARGET_NAMES[place] = _of(_HELD[6 + place])
    cdef int common = 1 << F_TYPE | 1 << F_EVENT_ID | 1 << F_OCCURRED_AT | 1 << F_SEQ | 1 << F_SOURCE | 1 << F_TICKET_ID
    _ALLOWED[CREATED] = (
        common | 1 << F_PRIORITY | 1 << F_CHANNEL | 1 << F_TEAM | 1 << F_AGENT_ID | 1 << F_CUSTOMER_ID
        | 1 << F_CATEGORY | 1 << F_KIND | 1 << F_TAGS | 1 << F_CREATED_BY
    )
    _ALLOWED[REPLY] = (
        common | 1 << F_AGENT_ID | 1 << F_TEAM | 1 << F_PUBLIC | 1 << F_AUTOMATED | 1 << F_HANDLE_SECONDS
    )
    _ALLOWED[WROTE] = common
    _ALLOWED[STATUS] = common | 1 << F_STATUS | 1 << F_REASON | 1 << F_ACCEPTED_BY
    for place in range(FIELDS):
        _TAKES[place] = IS_TEXT
    _TAKES[F_SEQ] = _TAKES[F_HANDLE_SECONDS] = IS_NUMBER
    _TAKES[F_PUBLIC] = _TAKES[F_AUTOMATED] = IS_BOOL
    _TAKES[F_TAGS] = 0


_learn_names()
_ABANDONED = _of(_ABANDONED_HELD)
assert [STATUS_CODE[name] for name in STATUSES] == [OPEN, WAITING, ON_HOLD, RESOLVED, CLOSED, CANCELLED]


cdef inline bint _same(Text one, Text other) noexcept:
    if one.at == NULL or other.at == NULL:
        return one.at == other.at
    return one.size == other.size and memcmp(one.at, other.at, one.size) == 0


cdef inline long long _least(long long one, long long other) noexcept:
    """Of two instants, either of which may be missing, the earlier."""
    return other if one == NONE or (other != NONE and other < one) else one


cdef inline object _number(long long value):
    return None if value == NONE else value


cdef class Buffer:
    """Bytes that are written one after the other; MessagePack and JSON as msgspec writes them."""

    cdef unsigned char* at
    cdef Py_ssize_t size
    cdef Py_ssize_t room

    def __dealloc__(self):
        free(self.at)

    cdef inline int need(self, Py_ssize_t more) except -1:
        cdef void* grown
        if self.size + more > self.room:
            grown = realloc(self.at, 2 * (self.size + more))
            if grown == NULL:
                raise MemoryError
            self.at = <unsigned char*>grown
            self.room = 2 * (self.size + more)
        return 0

    cdef inline int put(self, const void* data, Py_ssize_t size) except -1:
        self.need(size)
        if size:
            memcpy(self.at + self.size, data, size)
            self.size += size
        return 0

    cdef inline int byte(self, unsigned char value) except -1:
        self.need(1)
        self.at[self.size] = value
        self.size += 1
        return 0

    cdef int big_endian(self, unsigned char head, unsigned long long value, int size) except -1:
        cdef int place
        self.need(size + 1)
        self.at[self.size] = head
        for place in range(size):
            self.at[self.size + size - place] = value & 0xFF
            value >>= 8
        self.size += size + 1
        return 0

    # MessagePack

    cdef int integer(self, long long value) except -1:
        if value == NONE:
            return self.byte(0xC0)
        if -32 <= value < 128:
            return self.byte(<unsigned char>value)
        if value >= 0:
            if value < 1 << 8:
                return self.big_endian(0xCC, value, 1)
            if value < 1 << 16:
                return self.big_endian(0xCD, value, 2)
            if value < 1LL << 32:
                return self.big_endian(0xCE, value, 4)
            return self.big_endian(0xCF, value, 8)
        if value >= -(1 << 7):
            return self.big_endian(0xD0, value, 1)
        if value >= -(1 << 15):
            return self.big_endian(0xD1, value, 2)
        if value >= -(1LL << 31):
            return self.big_endian(0xD2, value, 4)
        return self.big_endian(0xD3, value, 8)

    cdef int text(self, Text value) except -1:
        if value.at == NULL:
            return self.byte(0xC0)
        if value.size < 32:
            self.byte(0xA0 | value.size)
        elif value.size < 1 << 8:
            self.big_endian(0xD9, value.size, 1)
        elif value.size < 1 << 16:
            self.big_endian(0xDA, value.size, 2)
        else:
            raise DECLINED
        return self.put(value.at, value.size)

    cdef int truth(self, bint value) except -1:
        return self.byte(0xC3 if value else 0xC2)

    cdef int array(self, Py_ssize_t size) except -1:
        return self.byte(0x90 | size) if size < 16 else self.big_endian(0xDC, size, 2)

    cdef int binary(self, Py_ssize_t size) except -1:
        if size < 1 << 8:
            return self.big_endian(0xC4, size, 1)
        return self.big_endian(0xC5, size, 2) if size < 1 << 16 else self.big_endian(0xC6, size, 4)

    cdef int double(self, double value) except -1:
        cdef unsigned long long bits
        memcpy(&bits, &value, 8)
        return self.big_endian(0xCB, bits, 8)

    # JSON

    cdef int decimal(self, unsigned long long value) except -1:
        cdef unsigned char digits[20]
        cdef int place = 20
        while True:
            place -= 1
            digits[place] = 48 + value % 10
            value //= 10
            if value == 0:
                return self.put(digits + place, 20 - place)

    cdef inline int padded(self, unsigned int value, int width) except -1:
        cdef int place
        self.need(width)
        for place in range(width - 1, -1, -1):
            self.at[self.size + place] = 48 + value % 10
            value //= 10
        self.size += width
        return 0

    cdef int seconds(self, long long duration) except -1:
        """Of microseconds. So many digits are exact, and no fewer tell the number from its neighbours."""
        cdef unsigned int rest = duration % 1000000
        cdef int width = 6
        if duration < 0 or 0 < duration < 1000 or duration >= 1000000000000000:
            raise DECLINED
        self.decimal(duration // 1000000)
        self.byte(46)
        while width > 1 and rest % 10 == 0:
            rest //= 10
            width -= 1
        return self.padded(rest, width)

    cdef int quoted(self, Text value) except -1:
        cdef Py_ssize_t place
        self.byte(34)
        for place in range(value.size):
            if value.at[place] < 32 or value.at[place] == 34 or value.at[place] == 92 or value.at[place] == 127:
                raise DECLINED
        self.put(value.at, value.size)
        return self.byte(34)

    cdef int moment(self, long long instant) except -1:
        """In UTC; the date by the days since 0000-03-01 (Hinnant, "chrono-Compatible Low-Level Date Algorithms")."""
        cdef long long days
        cdef unsigned int era, day, year, month, seconds, rest, of_year
        if instant == NONE:
            return self.put(<const char*>b"null", 4)
        if instant < 0:
            raise DECLINED
        days = instant // 86400000000
        seconds = (instant // 1000000) % 86400
        rest = instant % 1000000
        days += 719468
        era = days // 146097
        day = days - era * 146097
        year = (day - day // 1460 + day // 36524 - day // 146096) // 365
        of_year = day - (365 * year + year // 4 - year // 100)
        month = (5 * of_year + 2) // 153
        day = of_year - (153 * month + 2) // 5 + 1
        month = month + 3 if month < 10 else month - 9
        year += era * 400 + (1 if month <= 2 else 0)
        if year > 9999:
            raise DECLINED
        self.byte(34)
        self.padded(year, 4)
        self.byte(45)
        self.padded(month, 2)
        self.byte(45)
        self.padded(day, 2)
        self.byte(84)
        self.padded(seconds // 3600, 2)
        self.byte(58)
        self.padded(seconds // 60 % 60, 2)
        self.byte(58)
        self.padded(seconds % 60, 2)
        if rest:
            self.byte(46)
            self.padded(rest, 6)
        return self.put(<const char*>b'Z"', 2)

    cdef bytes taken(self):
        return PyBytes_FromStringAndSize(<char*>self.at, self.size)


# Reading MessagePack. Nothing is trusted to be there.

cdef inline int _left(Cursor* cursor, Py_ssize_t size) except -1:
    if cursor.end - cursor.at < size:
        raise DECLINED
    return 0


cdef inline unsigned long long _unsigned(Cursor* cursor, int size) except? 77:
    cdef unsigned long long value = 0
    cdef int place
    _left(cursor, size)
    for place in range(size):
        value = value << 8 | cursor.at[place]
    cursor.at += size
    return value


cdef long long _integer(Cursor* cursor) except? -77:
    """NONE where it is nil."""
    cdef unsigned char head
    cdef unsigned long long value
    _left(cursor, 1)
    head = cursor.at[0]
    cursor.at += 1
    if head < 0x80:
        return head
    if head >= 0xE0:
        return <signed char>head
    if head == 0xC0:
        return NONE
    if head == 0xCC:
        return _unsigned(cursor, 1)
    if head == 0xCD:
        return _unsigned(cursor, 2)
    if head == 0xCE:
        return _unsigned(cursor, 4)
    if head == 0xCF:
        value = _unsigned(cursor, 8)
        if value >> 63:
            raise DECLINED
        return value
    if head == 0xD0:
        return <signed char>_unsigned(cursor, 1)
    if head == 0xD1:
        return <short>_unsigned(cursor, 2)
    if head == 0xD2:
        return <int>_unsigned(cursor, 4)
    if head == 0xD3:
        return <long long>_unsigned(cursor, 8)
    raise DECLINED


cdef Text _text(Cursor* cursor) except *:
    cdef unsigned char head
    cdef Text text
    _left(cursor, 1)
    head = cursor.at[0]
    cursor.at += 1
    text.at = NULL
    text.size = 0
    if head == 0xC0:
        return text
    if head & 0xE0 == 0xA0:
        text.size = head & 0x1F
    elif head == 0xD9:
        text.size = _unsigned(cursor, 1)
    elif head == 0xDA:
        text.size = _unsigned(cursor, 2)
    else:
        raise DECLINED
    _left(cursor, text.size)
    text.at = cursor.at
    cursor.at += text.size
    return text


cdef bint _truth(Cursor* cursor) except -1:
    cdef unsigned char head
    _left(cursor, 1)
    head = cursor.at[0]
    cursor.at += 1
    if head != 0xC2 and head != 0xC3:
        raise DECLINED
    return head == 0xC3


cdef Py_ssize_t _array(Cursor* cursor) except -1:
    cdef unsigned char head
    _left(cursor, 1)
    head = cursor.at[0]
    cursor.at += 1
    if head & 0xF0 == 0x90:
        return head & 0x0F
    if head == 0xDC:
        return _unsigned(cursor, 2)
    raise DECLINED


cdef int _expect(Cursor* cursor, unsigned char value) except -1:
    _left(cursor, 1)
    if cursor.at[0] != value:
        raise DECLINED
    cursor.at += 1
    return 0


# Reading events

cdef inline int _skip(Cursor* cursor) except -1:
    """White space; something must follow."""
    while cursor.at < cursor.end and (
        cursor.at[0] == 32 or cursor.at[0] == 10 or cursor.at[0] == 13 or cursor.at[0] == 9
    ):
        cursor.at += 1
    return _left(cursor, 1)


cdef Text _plain(Cursor* cursor) except *:
    """A JSON string without escapes."""
    cdef Text text
    _expect(cursor, 34)
    text.at = cursor.at
    while True:
        _left(cursor, 1)
        if cursor.at[0] == 34:
            break
        if cursor.at[0] < 32 or cursor.at[0] == 92:
            raise DECLINED
        cursor.at += 1
    text.size = cursor.at - text.at
    cursor.at += 1
    return text


cdef int _field(Text name) except -1:
    cdef int field
    for field in range(FIELDS):
        if _same(_NAMES[field], name):
            return field
    raise DECLINED


cdef int _value(Cursor* cursor, Event* event, int field) except -1:
    cdef unsigned char first = cursor.at[0]
    cdef Py_ssize_t left = cursor.end - cursor.at
    cdef Text text
    if first == 34:
        event.text[field] = _plain(cursor)
        event.what[field] = IS_TEXT
    elif first == 45 or 48 <= first <= 57:
        text.at = cursor.at
        while cursor.at < cursor.end and (48 <= cursor.at[0] <= 57 or cursor.at[0] == 45 or cursor.at[0] == 46):
            cursor.at += 1
        text.size = cursor.at - text.at
        event.text[field] = text
        event.what[field] = IS_NUMBER
    elif left >= 4 and memcmp(cursor.at, b"null", 4) == 0:
        cursor.at += 4
        return 0
    elif left >= 4 and memcmp(cursor.at, b"true", 4) == 0:
        cursor.at += 4
        event.what[field] = IS_BOOL
        event.yes[field] = True
    elif left >= 5 and memcmp(cursor.at, b"false", 5) == 0:
        cursor.at += 5
        event.what[field] = IS_BOOL
        event.yes[field] = False
    else:
        raise DECLINED
    if not event.what[field] & _TAKES[field]:
        raise DECLINED
    return 0


cdef int _read(object value, int kind, bytes tag, Event* event) except -1:
    """The event of a record's value."""
    cdef Cursor cursor
    cdef Text name
    cdef int field, seen = 0
    cdef bytes held
    if type(value) is not bytes:
        raise DECLINED
    held = value
    if PyBytes_GET_SIZE(held) > _MAX_BYTES:
        raise DECLINED
    if not held.isascii():
        held.decode()
    cursor.at = <const unsigned char*>PyBytes_AS_STRING(held)
    cursor.end = cursor.at + PyBytes_GET_SIZE(held)
    event.kind = kind
    for field in range(FIELDS):
        event.text[field].at = NULL
        event.text[field].size = 0
        event.what[field] = 0
    _skip(&cursor)
    _expect(&cursor, 123)
    while True:
        _skip(&cursor)
        name = _plain(&cursor)
        field = _field(name)
        if seen >> field & 1 or not _ALLOWED[kind] >> field & 1:
            raise DECLINED
        seen |= 1 << field
        _skip(&cursor)
        _expect(&cursor, 58)
        _skip(&cursor)
        _value(&cursor, event, field)
        _skip(&cursor)
        if cursor.at[0] == 125:
            break
        _expect(&cursor, 44)
    cursor.at += 1
    while cursor.at < cursor.end:
        if cursor.at[0] != 32 and cursor.at[0] != 10 and cursor.at[0] != 13 and cursor.at[0] != 9:
            raise DECLINED
        cursor.at += 1
    if not _same(event.text[F_TYPE], _of(tag)) or event.text[F_OCCURRED_AT].at == NULL:
        raise DECLINED
    _identified(event.text[F_EVENT_ID], True)
    _identified(event.text[F_TICKET_ID], True)
    _identified(event.text[F_AGENT_ID], False)
    _identified(event.text[F_CUSTOMER_ID], False)
    event.at = _instant(event.text[F_OCCURRED_AT])
    event.seq = _whole(event.text[F_SEQ])
    return 0


cdef int _identified(Text text, bint wanted) except -1:
    if (text.at == NULL and wanted) or (text.at != NULL and not 1 <= text.size <= 256):
        raise DECLINED
    return 0


cdef long long _whole(Text text) except? -77:
    cdef bint negative
    cdef Py_ssize_t place
    cdef long long value = 0
    if text.at == NULL:
        return 0
    negative = text.at[0] == 45
    if text.size - negative < 1 or text.size > 18 or (text.at[negative] == 48 and text.size > 1):
        raise DECLINED
    for place in range(negative, text.size):
        if not 48 <= text.at[place] <= 57:
            raise DECLINED
        value = value * 10 + (text.at[place] - 48)
    return -value if negative else value


cdef inline int _digits(Text text, int begin, int width) except -1:
    cdef int place, value = 0
    for place in range(begin, begin + width):
        if not 48 <= text.at[place] <= 57:
            raise DECLINED
        value = value * 10 + (text.at[place] - 48)
    return value


cdef inline int _sign(Text text, int place, unsigned char wanted) except -1:
    if text.at[place] != wanted:
        raise DECLINED
    return 0


cdef long long _instant(Text text) except? -77:
    """Microseconds since the epoch of `2026-01-31T09:00:00[.123456](Z|+08:00)`; other forms are declined."""
    cdef int year, month, day, hour, minute, second, place = 19, width = 0, lasts
    cdef long long days, fraction = 0, ahead = 0, of_era
    if text.size < 20:
        raise DECLINED
    _sign(text, 4, 45)
    _sign(text, 7, 45)
    _sign(text, 10, 84)
    _sign(text, 13, 58)
    _sign(text, 16, 58)
    year, month, day = _digits(text, 0, 4), _digits(text, 5, 2), _digits(text, 8, 2)
    hour, minute, second = _digits(text, 11, 2), _digits(text, 14, 2), _digits(text, 17, 2)
    if not _FIRST_YEAR <= year <= _LAST_YEAR or not 1 <= month <= 12 or hour > 23 or minute > 59 or second > 59:
        raise DECLINED
    lasts = 31
    if month == 4 or month == 6 or month == 9 or month == 11:
        lasts = 30
    elif month == 2:
        lasts = 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    if not 1 <= day <= lasts:
        raise DECLINED
    if text.at[place] == 46:
        place += 1
        while place < text.size and 48 <= text.at[place] <= 57:
            fraction = fraction * 10 + (text.at[place] - 48)
            place += 1
            width += 1
            if width > 6:
                raise DECLINED
        if width == 0:
            raise DECLINED
        while width < 6:
            fraction *= 10
            width += 1
    if place == text.size - 1:
        _sign(text, place, 90)
    elif place == text.size - 6 and (text.at[place] == 43 or text.at[place] == 45):
        _sign(text, place + 3, 58)
        if _digits(text, place + 1, 2) > 23 or _digits(text, place + 4, 2) > 59:
            raise DECLINED
        ahead = _digits(text, place + 1, 2) * 3600 + _digits(text, place + 4, 2) * 60
        if text.at[place] == 45:
            ahead = -ahead
    else:
        raise DECLINED
    if month <= 2:
        year -= 1
    of_era = year % 400
    days = (year // 400) * 146097 + of_era * 365 + of_era // 4 - of_era // 100 - 719468
    days += (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    days = ((days * 86400 + hour * 3600 + minute * 60 + second) - ahead) * 1000000 + fraction
    if days < 0:
        raise DECLINED
    return days


cdef double _handled(Text text) except? -77.0:
    """Seconds that were worked."""
    cdef char plain[32]
    cdef Py_ssize_t place, dots = 0
    cdef double value
    if text.size > 24 or text.at[text.size - 1] == 46 or text.at[0] == 46:
        raise DECLINED
    for place in range(text.size):
        dots += text.at[place] == 46
        if text.at[place] == 45 or dots > 1:
            raise DECLINED
    if text.at[0] == 48 and text.size > 1 and text.at[1] != 46:
        raise DECLINED
    memcpy(plain, text.at, text.size)
    plain[text.size] = 0
    value = PyOS_string_to_double(plain, NULL, None)
    if value > 31622400 or 0 < value < 0.001:
        raise DECLINED
    return value


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


cdef int _MEMO_LIMIT = 20000


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
    cdef Buffer where
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
        self.out, self.facts, self.replied, self.where = Buffer(), Buffer(), Buffer(), Buffer()

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
                raise DECLINED
            had = self._count(self.counted[0], since)
            self._stand(&before)
        for record in records:
            kind, tag = self.kinds[record.topic]
            _read(record.value, kind, tag, &event)
            applied[kind] += 1
            if not _same(event.text[F_TICKET_ID], self.ticket_id) or (latest and event.at > latest):
                raise DECLINED
            if not known and terms is None:
                terms = self._found(&event)
            else:
                self._apply(&event, terms)
        self.received_at = now
        after.stands = False
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
        self.where.size = 0
        for place in self.asked:
            self.where.text(self.attribute[place])
        key = self.where.taken()
        found = self.memo.get(key)
        if found is None:
            if len(self.memo) >= _MEMO_LIMIT:
                self.memo.clear()
            named = {name: _str(self.attribute[place]) for place, name in enumerate(_ATTRIBUTES)}
            promises = self.policies.to(_Attributes(named))
            labels = tuple([named[name] or "" for name in _LABELS])
            found = self.memo[key] = Terms(promises, labels)
        terms = found
        if not terms.plain:
            raise DECLINED
        return terms

    cdef int _judge(self, Terms terms) except -1:
        """Its state was judged by those in force: it says so by what is promised to it alone, where that is all."""
        if _same(self.judged_by, _of(self.fingerprint)):
            updated = slawatch_holds(self.history.at, self.history.size, b"\x9c\x03", 2) or slawatch_holds(
                self.facts.at, self.facts.size, b"\x9c\x03", 2
            )
            if self.history.size and self.facts.size and self.history.at[self.history.size - 1] == 0x9C:
                updated = updated or self.facts.at[0] == 3
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
            raise DECLINED
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
            raise DECLINED
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
                raise DECLINED
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
            raise DECLINED
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
            raise DECLINED
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
        cdef Buffer coded = self.where
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
            raise DECLINED
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
            raise DECLINED
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
            raise DECLINED
        self.status = status
        self.timeline[self.changes], self.timeline[self.changes + 1] = at, status
        self.changes += 2
        for place in range(self.clock_count):
            clock = &self.clocks[place]
            if clock.stop != NONE or clock.policy.at == NULL:
                continue
            if not terms.promises[clock.target].given:
                raise DECLINED
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
            raise DECLINED
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
        self.reason = _text(&cursor)
        self.last_at = _integer(&cursor)
        self.done_at = _integer(&cursor)
        self.owed = _truth(&cursor)
        size = _array(&cursor)
        if size > CHANGES:
            raise DECLINED
        self.changes = size
        for place in range(self.changes):
            self.timeline[place] = _integer(&cursor)
        size = _array(&cursor)
        if size > CLOCKS:
            raise DECLINED
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
            raise DECLINED
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
            raise DECLINED
        return 0

    cdef int _load_history(self, Cursor* cursor) except -1:
        cdef unsigned char head
        cdef Py_ssize_t size
        _left(cursor, 1)
        head = cursor.at[0]
        cursor.at += 1
        if not 0xC4 <= head <= 0xC6:
            raise DECLINED
        size = _unsigned(cursor, 1 << (head - 0xC4))
        if size < 5:
            raise DECLINED
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


_ATTRIBUTES = ("priority", "channel", "team", "agent_id", "customer_id", "category", "kind")
_LABELS = ("team", "priority", "channel")


cdef object _str(Text text):
    return None if text.at == NULL else PyBytes_FromStringAndSize(<const char*>text.at, text.size).decode()


cdef inline bint _is_public(Event* event) noexcept:
    return event.what[F_PUBLIC] == 0 or event.yes[F_PUBLIC]


cdef inline bint _is_automated(Event* event) noexcept:
    return event.what[F_AUTOMATED] != 0 and event.yes[F_AUTOMATED]


cdef int _status(Text name) except -1:
    cdef int status
    for status in range(6):
        if _same(_STATUS_NAMES[status], name):
            return status
    raise DECLINED


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
        raise DECLINED
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
