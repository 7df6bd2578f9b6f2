"""The binary lane of messages in Python: the MessagePack of the value model, and nothing else of MessagePack."""

import traceback
from datetime import datetime, timedelta, timezone
from struct import pack, unpack

from vivarium.message_values import (
    MessageError,
    Tally,
    greatest_integer,
    invalid,
    is_unicode,
    least_integer,
    quoted,
    refuse_broken_text,
    refuse_type,
    too_large,
    unsupported,
)

_epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
_first_millisecond = -62_135_596_800_000
_last_millisecond = 253_402_300_799_999
_error_extension = 1
_timestamp_extension = -1

# Writing. Every part in its shortest form.

_extension_tags = {1: 0xD4, 2: 0xD5, 4: 0xD6, 8: 0xD7, 16: 0xD8}


def write_binary(value, budget):
    output = bytearray()
    try:
        _write(output, value, None, 0, Tally(budget, value))
    except UnicodeEncodeError:
        raise refuse_broken_text(value) from None
    return output.decode("latin-1")


def _write(output, value, place, depth, tally):
    if value is None:
        output.append(0xC0)
    elif isinstance(value, bool):
        output.append(0xC3 if value else 0xC2)
    elif isinstance(value, int):
        output += _integer(value, place)
    elif isinstance(value, float):
        output += pack(">Bd", 0xCB, value)
    elif isinstance(value, str):
        _write_text(output, value, tally.budget)
    elif isinstance(value, dict):
        tally.admit(value, place, depth + 1)
        output += _header(len(value), 16, 0x80, None, 0xDE)
        for key, entry in value.items():
            _write_text(output, key, tally.budget)
            _write(output, entry, (place, key), depth + 1, tally)
    elif isinstance(value, (list, tuple)):
        tally.admit(value, place, depth + 1)
        output += _header(len(value), 16, 0x90, None, 0xDC)
        for index, entry in enumerate(value):
            _write(output, entry, (place, index), depth + 1, tally)
    elif isinstance(value, (bytes, bytearray, memoryview)):
        length = value.nbytes if isinstance(value, memoryview) else len(value)
        if length > tally.budget.bytes:
            raise too_large(tally.budget)
        output += _header(length, 0, 0, 0xC4, 0xC5)
        output += value.tobytes() if isinstance(value, memoryview) else value
    elif isinstance(value, datetime):
        output += _timestamp(value, place)
    elif isinstance(value, BaseException):
        output += _error(value, tally.budget)
    else:
        raise refuse_type(value, place)
    if len(output) > tally.budget.bytes:
        raise too_large(tally.budget)


def _header(length, short, short_tag, tag8, tag16):
    """A header in its shortest form: within `short`, else with a length of 8 (if there is `tag8`), 16 or 32 bits."""
    if length < short:
        return bytes([short_tag | length])
    if length < 0x100 and tag8 is not None:
        return pack(">BB", tag8, length)
    return pack(">BH", tag16, length) if length < 0x10000 else pack(">BI", tag16 + 1, length)


def _write_text(output, text, budget):
    if len(text) > budget.bytes:
        raise too_large(budget)
    data = text.encode()
    output += _header(len(data), 32, 0xA0, 0xD9, 0xDA)
    output += data


# The shortest form that holds an integer: the range, how it is packed, its tag.
_integer_forms = (
    (0, 0x7F, "B", None),
    (-0x20, -1, "b", None),
    (0, 0xFF, "B", 0xCC),
    (0, 0xFFFF, "H", 0xCD),
    (0, 0xFFFFFFFF, "I", 0xCE),
    (-0x80, -1, "b", 0xD0),
    (-0x8000, -1, "h", 0xD1),
    (-0x80000000, -1, "i", 0xD2),
    (least_integer, greatest_integer, "q", 0xD3),
)


def _integer(value, place):
    for least, greatest, form, tag in _integer_forms:
        if least <= value <= greatest:
            return pack(">" + form, value) if tag is None else pack(">B" + form, tag, value)
    raise unsupported(place, "is an integer beyond 64 bits", "Send it as a string or as bytes.")


def _extension(kind, content):
    length = len(content)
    header = bytes([_extension_tags[length]]) if length in _extension_tags else _header(length, 0, 0, 0xC7, 0xC8)
    return header + bytes([kind & 0xFF]) + content


def _timestamp(value, place):
    if value.utcoffset() is None:
        raise unsupported(place, "is a datetime without a time zone", "Give it one: datetime.now(timezone.utc), value.replace(tzinfo=timezone.utc).")
    milliseconds = (value - _epoch) // timedelta(milliseconds=1)
    if not _first_millisecond <= milliseconds <= _last_millisecond:
        raise unsupported(place, "is a datetime outside the years 1 to 9999")
    seconds, rest = divmod(milliseconds, 1000)
    if rest == 0 and 0 <= seconds < 2**32:
        content = seconds.to_bytes(4, "big")
    elif 0 <= seconds < 2**34:
        content = (rest * 1_000_000 << 34 | seconds).to_bytes(8, "big")
    else:
        content = (rest * 1_000_000).to_bytes(4, "big") + seconds.to_bytes(8, "big", signed=True)
    return _extension(_timestamp_extension, content)


def _error(error, budget):
    content = bytearray()
    fields = _error_fields(error)
    content += _header(len(fields), 16, 0x80, None, 0xDE)
    for name, text in fields:
        _write_text(content, name, budget)
        _write_text(content, text if is_unicode(text) else _mended(text), budget)
    return _extension(_error_extension, bytes(content))


def _error_fields(error):
    if isinstance(error, MessageError):
        name, message, stack = error.name, error.message, error.stack
    else:
        name, stack = type(error).__name__, None
        try:
            message = str(error)
        except Exception:
            message = ""
    if stack is None and error.__traceback__ is not None:
        stack = "".join(traceback.format_exception(error)).rstrip("\n")
    code = getattr(error, "code", None)
    fields = [("name", name if isinstance(name, str) else "Error"), ("message", message if isinstance(message, str) else "")]
    return fields + [(field, text) for field, text in (("code", code), ("stack", stack)) if isinstance(text, str)]


def _mended(text):
    """An error must not be lost because of what it quotes: halves of surrogate pairs become U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


# Reading.


def read_binary(text, budget):
    try:
        data = text.encode("latin-1")
    except UnicodeEncodeError:
        raise invalid("a character is no byte") from None
    reader = _Reader(data, budget)
    value = reader.read(0)
    if reader.position != len(data):
        raise invalid(f"there are {len(data) - reader.position} bytes after its end")
    return value


_constants = {0xC0: None, 0xC2: False, 0xC3: True}


class _Reader:
    """Reads the MessagePack of the value model, and nothing else of MessagePack.

    A length is checked against the bytes that are left and against the budget before anything is allocated for it.
    """

    def __init__(self, data, budget):
        self.data = data
        self.budget = budget
        self.position = 0
        self.nodes = 1

    def take(self, count):
        start = self.position
        if count > len(self.data) - start:
            raise invalid(f"it ends within a value, at byte {len(self.data)}")
        self.position = start + count
        return self.data[start : self.position]

    def unsigned(self, width):
        return int.from_bytes(self.take(width), "big")

    def signed(self, width):
        return int.from_bytes(self.take(width), "big", signed=True)

    def read(self, depth):
        tag = self.unsigned(1)
        if tag < 0x80:
            return tag
        if tag < 0x90:
            return self.map(tag & 0x0F, depth + 1)
        if tag < 0xA0:
            return self.list(tag & 0x0F, depth + 1)
        if tag < 0xC0:
            return self.text(tag & 0x1F)
        if tag >= 0xE0:
            return tag - 0x100
        if tag in _constants:
            return _constants[tag]
        if tag < 0xC4:
            raise invalid(f"byte {self.position - 1} begins no value")
        if tag < 0xC7:
            return self.take(self.unsigned(1 << tag - 0xC4))
        if tag < 0xCA:
            return self.extension(self.unsigned(1 << tag - 0xC7))
        if tag < 0xCC:
            return unpack(">f", self.take(4))[0] if tag == 0xCA else unpack(">d", self.take(8))[0]
        if tag < 0xD0:
            return self.admit_integer(self.unsigned(1 << tag - 0xCC))
        if tag < 0xD4:
            return self.signed(1 << tag - 0xD0)
        if tag < 0xD9:
            return self.extension(1 << tag - 0xD4)
        if tag < 0xDC:
            return self.text(self.unsigned(1 << tag - 0xD9))
        if tag < 0xDE:
            return self.list(self.unsigned(2 << tag - 0xDC), depth + 1)
        return self.map(self.unsigned(2 << tag - 0xDE), depth + 1)

    def text(self, length):
        try:
            return self.take(length).decode()
        except UnicodeDecodeError:
            raise invalid(f"the string at byte {self.position - length} is not UTF-8") from None

    def admit_integer(self, value):
        if value > greatest_integer:
            raise invalid("it holds an integer beyond 64 bits with a sign")
        return value

    def admit(self, nodes, size, depth):
        if depth > self.budget.depth:
            raise invalid(f"it is nested deeper than {self.budget.depth} levels")
        if size > len(self.data) - self.position:
            raise invalid(f"it ends within a value, at byte {len(self.data)}")
        self.nodes += nodes
        if self.nodes > self.budget.nodes:
            raise invalid(f"it has more than {self.budget.nodes} values")

    def list(self, length, depth):
        self.admit(length, length, depth)
        return [self.read(depth) for _ in range(length)]

    def map(self, length, depth):
        if length > self.budget.keys:
            raise invalid(f"a map has more than {self.budget.keys} keys")
        self.admit(length, length * 2, depth)
        result = {}
        for _ in range(length):
            key = self.key()
            if key in result:
                raise invalid(f"a map has the key {quoted(key)} twice")
            result[key] = self.read(depth)
        return result

    def key(self):
        tag = self.unsigned(1)
        if 0xA0 <= tag < 0xC0:
            return self.text(tag & 0x1F)
        if 0xD9 <= tag <= 0xDB:
            return self.text(self.unsigned(1 << tag - 0xD9))
        raise invalid(f"the key at byte {self.position - 1} is no string")

    def extension(self, length):
        kind = self.signed(1)
        content = self.take(length)
        if kind == _timestamp_extension:
            return _read_timestamp(content)
        if kind == _error_extension:
            return _read_error(_Reader(content, self.budget))
        raise invalid(f"it has a value of the extension type {kind}")


def _read_timestamp(content):
    length = len(content)
    number = int.from_bytes(content, "big")
    if length == 4:
        seconds, nanoseconds = number, 0
    elif length == 8:
        seconds, nanoseconds = number & 2**34 - 1, number >> 34
    elif length == 12:
        seconds, nanoseconds = int.from_bytes(content[4:], "big", signed=True), number >> 64
    else:
        raise invalid(f"a timestamp has {length} bytes")
    milliseconds = seconds * 1000 + nanoseconds // 1_000_000
    if nanoseconds > 999_999_999 or not _first_millisecond <= milliseconds <= _last_millisecond:
        raise invalid("a timestamp is out of range")
    return _epoch + timedelta(milliseconds=milliseconds)


def _read_error(reader):
    tag = reader.unsigned(1)
    if not 0x82 <= tag <= 0x84:
        raise invalid("an error is no map of two to four fields")
    fields = {}
    for _ in range(tag & 0x0F):
        name = reader.key()
        if name not in ("name", "message", "code", "stack"):
            raise invalid("an error has an unknown field")
        if name in fields:
            raise invalid(f"an error has its {name} twice")
        fields[name] = reader.key()
    if reader.position != len(reader.data):
        raise invalid("an error holds more than its fields")
    if "name" not in fields or "message" not in fields:
        raise invalid("an error lacks its name or its message")
    return MessageError(**fields)
