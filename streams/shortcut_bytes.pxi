# What is read and written: slices of bytes, MessagePack as it is stored, JSON as the ledger has it.

cdef struct Text:
    const unsigned char* at  # NULL: None
    Py_ssize_t size

cdef struct Cursor:
    const unsigned char* at
    const unsigned char* end


cdef Text _of(bytes held):
    cdef Text text
    text.at = <const unsigned char*>PyBytes_AS_STRING(held)
    text.size = PyBytes_GET_SIZE(held)
    return text


cdef inline bint _same(Text one, Text other) noexcept:
    if one.at == NULL or other.at == NULL:
        return one.at == other.at
    return one.size == other.size and memcmp(one.at, other.at, one.size) == 0


cdef inline long long _least(long long one, long long other) noexcept:
    """Of two instants, either of which may be missing, the earlier."""
    return other if one == NONE or (other != NONE and other < one) else one


cdef inline object _number(long long value):
    return None if value == NONE else value


cdef object _str(Text text):
    return None if text.at == NULL else PyBytes_FromStringAndSize(<const char*>text.at, text.size).decode()


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
            raise _Declined
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
            raise _Declined
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
                raise _Declined
        self.put(value.at, value.size)
        return self.byte(34)

    cdef int moment(self, long long instant) except -1:
        """In UTC; the date by the days since 0000-03-01 (Hinnant, "chrono-Compatible Low-Level Date Algorithms")."""
        cdef long long days
        cdef unsigned int era, day, year, month, seconds, rest, of_year
        if instant == NONE:
            return self.put(<const char*>b"null", 4)
        if instant < 0:
            raise _Declined
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
            raise _Declined
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
        raise _Declined
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
            raise _Declined
        return value
    if head == 0xD0:
        return <signed char>_unsigned(cursor, 1)
    if head == 0xD1:
        return <short>_unsigned(cursor, 2)
    if head == 0xD2:
        return <int>_unsigned(cursor, 4)
    if head == 0xD3:
        return <long long>_unsigned(cursor, 8)
    raise _Declined


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
        raise _Declined
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
        raise _Declined
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
    raise _Declined


cdef int _expect(Cursor* cursor, unsigned char value) except -1:
    _left(cursor, 1)
    if cursor.at[0] != value:
        raise _Declined
    cursor.at += 1
    return 0
