# Events as they are sent, read from their JSON: those of a plain form alone.

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
cdef long long _MAX_BYTES = MAX_BYTES
cdef int _FIRST_YEAR = YEARS.start, _LAST_YEAR = YEARS.stop - 1


cdef void _learn_names():
    cdef int place, begin = 0, field = 0
    cdef const unsigned char* names = <const unsigned char*>PyBytes_AS_STRING(_NAMES_HELD)
    for place in range(PyBytes_GET_SIZE(_NAMES_HELD) + 1):
        if place == PyBytes_GET_SIZE(_NAMES_HELD) or names[place] == 32:
            _NAMES[field].at = names + begin
            _NAMES[field].size = place - begin
            begin = place + 1
            field += 1
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
            raise _Declined
        cursor.at += 1
    text.size = cursor.at - text.at
    cursor.at += 1
    return text


cdef int _field(Text name) except -1:
    cdef int field
    for field in range(FIELDS):
        if _same(_NAMES[field], name):
            return field
    raise _Declined


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
        raise _Declined
    if not event.what[field] & _TAKES[field]:
        raise _Declined
    return 0


cdef int _read(object value, int kind, bytes tag, Event* event) except -1:
    """The event of a record's value."""
    cdef Cursor cursor
    cdef Text name
    cdef int field, seen = 0
    cdef bytes held
    if type(value) is not bytes:
        raise _Declined
    held = value
    if PyBytes_GET_SIZE(held) > _MAX_BYTES:
        raise _Declined
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
            raise _Declined
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
            raise _Declined
        cursor.at += 1
    if not _same(event.text[F_TYPE], _of(tag)) or event.text[F_OCCURRED_AT].at == NULL:
        raise _Declined
    _identified(event.text[F_EVENT_ID], True)
    _identified(event.text[F_TICKET_ID], True)
    _identified(event.text[F_AGENT_ID], False)
    _identified(event.text[F_CUSTOMER_ID], False)
    event.at = _instant(event.text[F_OCCURRED_AT])
    event.seq = _whole(event.text[F_SEQ])
    return 0


cdef int _identified(Text text, bint wanted) except -1:
    if (text.at == NULL and wanted) or (text.at != NULL and not 1 <= text.size <= 256):
        raise _Declined
    return 0


cdef long long _whole(Text text) except? -77:
    cdef bint negative
    cdef Py_ssize_t place
    cdef long long value = 0
    if text.at == NULL:
        return 0
    negative = text.at[0] == 45
    if text.size - negative < 1 or text.size > 18 or (text.at[negative] == 48 and text.size > 1):
        raise _Declined
    for place in range(negative, text.size):
        if not 48 <= text.at[place] <= 57:
            raise _Declined
        value = value * 10 + (text.at[place] - 48)
    return -value if negative else value


cdef inline int _digits(Text text, int begin, int width) except -1:
    cdef int place, value = 0
    for place in range(begin, begin + width):
        if not 48 <= text.at[place] <= 57:
            raise _Declined
        value = value * 10 + (text.at[place] - 48)
    return value


cdef inline int _sign(Text text, int place, unsigned char wanted) except -1:
    if text.at[place] != wanted:
        raise _Declined
    return 0


cdef long long _instant(Text text) except? -77:
    """Microseconds since the epoch of `2026-01-31T09:00:00[.123456](Z|+08:00)`; other forms are declined."""
    cdef int year, month, day, hour, minute, second, place = 19, width = 0, lasts
    cdef long long days, fraction = 0, ahead = 0, of_era
    if text.size < 20:
        raise _Declined
    _sign(text, 4, 45)
    _sign(text, 7, 45)
    _sign(text, 10, 84)
    _sign(text, 13, 58)
    _sign(text, 16, 58)
    year, month, day = _digits(text, 0, 4), _digits(text, 5, 2), _digits(text, 8, 2)
    hour, minute, second = _digits(text, 11, 2), _digits(text, 14, 2), _digits(text, 17, 2)
    if not _FIRST_YEAR <= year <= _LAST_YEAR or not 1 <= month <= 12 or hour > 23 or minute > 59 or second > 59:
        raise _Declined
    lasts = 31
    if month == 4 or month == 6 or month == 9 or month == 11:
        lasts = 30
    elif month == 2:
        lasts = 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    if not 1 <= day <= lasts:
        raise _Declined
    if text.at[place] == 46:
        place += 1
        while place < text.size and 48 <= text.at[place] <= 57:
            fraction = fraction * 10 + (text.at[place] - 48)
            place += 1
            width += 1
            if width > 6:
                raise _Declined
        if width == 0:
            raise _Declined
        while width < 6:
            fraction *= 10
            width += 1
    if place == text.size - 1:
        _sign(text, place, 90)
    elif place == text.size - 6 and (text.at[place] == 43 or text.at[place] == 45):
        _sign(text, place + 3, 58)
        if _digits(text, place + 1, 2) > 23 or _digits(text, place + 4, 2) > 59:
            raise _Declined
        ahead = _digits(text, place + 1, 2) * 3600 + _digits(text, place + 4, 2) * 60
        if text.at[place] == 45:
            ahead = -ahead
    else:
        raise _Declined
    if month <= 2:
        year -= 1
    of_era = year % 400
    days = (year // 400) * 146097 + of_era * 365 + of_era // 4 - of_era // 100 - 719468
    days += (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    days = ((days * 86400 + hour * 3600 + minute * 60 + second) - ahead) * 1000000 + fraction
    if days < 0:
        raise _Declined
    return days


cdef double _handled(Text text) except? -77.0:
    """Seconds that were worked."""
    cdef char plain[32]
    cdef Py_ssize_t place, dots = 0
    cdef double value
    if text.size > 24 or text.at[text.size - 1] == 46 or text.at[0] == 46:
        raise _Declined
    for place in range(text.size):
        dots += text.at[place] == 46
        if text.at[place] == 45 or dots > 1:
            raise _Declined
    if text.at[0] == 48 and text.size > 1 and text.at[1] != 46:
        raise _Declined
    memcpy(plain, text.at, text.size)
    plain[text.size] = 0
    value = PyOS_string_to_double(plain, NULL, None)
    if value > 31622400 or 0 < value < 0.001:
        raise _Declined
    return value


cdef inline bint _is_public(Event* event) noexcept:
    return event.what[F_PUBLIC] == 0 or event.yes[F_PUBLIC]


cdef inline bint _is_automated(Event* event) noexcept:
    return event.what[F_AUTOMATED] != 0 and event.yes[F_AUTOMATED]
