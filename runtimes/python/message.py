"""Messages in Python: the value model of docs/reference/messages.md, in both lanes.

The twin of sdk/message.ts: the same values, budgets, refusals and bytes, held equal by the vectors of
test/sdk/message.vectors.json. It needs nothing but the standard library.

A payload crosses the wall of the isolate as a lane and a text. In the text lane the text is JSON; in the
binary lane it is MessagePack with one character (U+0000 to U+00FF) for each byte.
"""

import traceback
from collections import namedtuple
from datetime import datetime, timedelta, timezone
from json import JSONDecoder
from json.encoder import c_encode_basestring, c_make_encoder
from struct import pack, unpack

__all__ = ["Budget", "MessageError", "MessageUnsupported", "binary_lane", "decode", "default_budget", "encode", "text_lane"]

text_lane = 0
binary_lane = 1

# Encoded bytes; lists and maps inside each other; values in all, keys not counted; keys of one map.
Budget = namedtuple("Budget", ["bytes", "depth", "nodes", "keys"])
default_budget = Budget(bytes=1024 * 1024, depth=64, nodes=100_000, keys=10_000)

_epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
_first_millisecond = -62_135_596_800_000
_last_millisecond = 253_402_300_799_999
_large = 2**53
_least_integer = -(2**63)
_greatest_integer = 2**63 - 1
_error_extension = 1
_timestamp_extension = -1


class MessageError(Exception):
    """An error as a value: what another actor sent as an error, or what to send as one.

    `name` is the name of the error's class, `code` a stable code or None, `stack` the sender's, or None.
    """

    def __init__(self, message="", name="Error", code=None, stack=None):
        super().__init__(message)
        self.message = message
        self.name = name
        self.code = code
        self.stack = stack


class MessageUnsupported(Exception):
    """A refusal of the codec. `code` is `message.unsupported`, `message.invalid` or `limit.message`; `hint` says what would do."""

    def __init__(self, code, text, hint=None):
        super().__init__(text)
        self.code = code
        self.hint = hint


def encode(value, budget=default_budget):
    """The lane and the text of a value.

    Raises MessageUnsupported: `message.unsupported` for what is no message, naming its path,
    `limit.message` for what exceeds the budget.
    """
    if _survey(value, None, 0, _Tally(budget, value)):
        try:
            text = "".join(_write_json(value, 0))
        except ValueError:  # NaN and infinities: JSON has none
            return binary_lane, _write_binary(value, budget)
        try:
            data = text.encode()
        except UnicodeEncodeError:
            raise _refuse_broken_text(value) from None
        if not _may_hold_large_integer(data) or not _holds_large_integer(value):
            if len(data) > budget.bytes:
                raise _too_large(budget, len(data))
            return text_lane, text
    return binary_lane, _write_binary(value, budget)


def decode(lane, text, budget=default_budget):
    """The value of a payload, which is not trusted: everything is counted before it is allocated.

    Raises MessageUnsupported: `message.invalid` for what is not well formed or exceeds the budget for
    depth, values or keys, `limit.message` for what is too large.
    """
    if len(text) > budget.bytes:
        raise _too_large(budget, len(text))
    return _read_text(text, budget) if lane == text_lane else _read_binary(text, budget)


# Refusals. A place is None for the value itself, else the place of its container and the key in it.


def _subject(place):
    path = ""
    while place is not None and len(path) <= 200:
        place, key = place
        if isinstance(key, str) and len(key) <= 200 and key.isidentifier():
            path = ("." if place is not None else "") + key + path
        else:
            path = (f"[{key}]" if isinstance(key, int) else f"[{_quoted(key)}]") + path
    if not path:
        return "The value"
    return path if len(path) <= 200 else "…" + path[-200:]


def _quoted(key):
    return '"' + key[:200].encode("utf-8", "backslashreplace").decode() + '"'


_model_hint = "A message holds None, bool, int, float, str, bytes, datetime, exceptions, lists and dicts."


def _unsupported(place, reason, hint=_model_hint):
    return MessageUnsupported("message.unsupported", f"{_subject(place)} {reason}.", hint)


def _invalid(reason):
    return MessageUnsupported("message.invalid", f"The payload is no message: {reason}.")


def _too_large(budget, size=None):
    has = "has more" if size is None else f"has {size:,} bytes, more"
    hint = "Send it in parts, or raise `limits.message` in the policy of the actor."
    return MessageUnsupported("limit.message", f"The message {has} than the {budget.bytes:,} bytes that one message may have.", hint)


def _refuse_broken_text(value):
    place = next((place for place, part in _walk(value, None) if isinstance(part, str) and not _is_unicode(part)), None)
    return _unsupported(place, "is a string with half of a surrogate pair", "Send text that is valid Unicode, or bytes.")


_hints = {
    **dict.fromkeys(["Decimal", "Fraction"], "Send a float, or a string."),
    **dict.fromkeys(["set", "frozenset", "generator"], "Send a list."),
    "coroutine": "Await it, and send what it returns.",
    "date": "Send a datetime with a time zone, or a string.",
}


def _refuse_type(value, place):
    kind = type(value).__name__[:64]
    if hasattr(type(value), "__dataclass_fields__"):
        return _unsupported(place, f"is a dataclass {kind}", "Send dataclasses.asdict(value).")
    return _unsupported(place, "is a function" if kind == "function" else f"is of type {kind}", _hints.get(kind, _model_hint))


# The survey: what a value needs, before anything is written.

_scalar_types = (str, int, float, type(None))
_scalars = frozenset([*_scalar_types, bool])
_binary_types = (bytes, bytearray, memoryview, datetime, BaseException)


_only_text = frozenset([str])


class _Tally:
    """What was counted of a value, and what may be. The survey is the hot path of `encode`: one call a container."""

    __slots__ = ("budget", "depth", "keys", "nodes", "root")

    def __init__(self, budget, root):
        self.budget = budget
        self.depth = budget.depth
        self.keys = budget.keys
        self.nodes = budget.nodes - 1
        self.root = root

    def admit(self, value, place, depth):
        """Counts a container and its values, down to none left."""
        self.nodes -= len(value)
        if depth > self.depth or self.nodes < 0 or isinstance(value, dict) and (len(value) > self.keys or not _only_text.issuperset(map(type, value))):
            self.examine(value, place, depth)

    def examine(self, value, place, depth):
        """Refuses a container with the reason, or admits it: its keys may be of a subclass of str."""
        if depth > self.depth:
            raise _refuse_depth(self.root, place, self.budget)
        if self.nodes < 0:
            text = f"The message has more than the {self.budget.nodes:,} values that one message may have."
            raise MessageUnsupported("limit.message", text, "Send it in parts.")
        if len(value) > self.keys:
            text = f"{_subject(place)} has more than the {self.keys:,} keys that one map may have."
            raise MessageUnsupported("limit.message", text, "Send a list of entries, or several maps.")
        for key in value:
            if not isinstance(key, str):
                reason = f"is a dict with a key that is no str but of type {type(key).__name__[:64]}"
                raise _unsupported(place, reason, "Make the keys strings, or send a list of entries.")


def _refuse_depth(root, place, budget):
    """A container deeper than the budget. If a cycle made it so, the refusal names the first place that leads back."""
    keys = []
    at = place
    while at is not None:
        at, key = at
        keys.insert(0, key)
    container = root
    way = None
    seen = set()
    for key in keys:
        seen.add(id(container))
        container = container[key]
        way = (way, key)
        if id(container) in seen:
            return _unsupported(way, "is a container that lies in itself", "Send the parts, and let them refer to each other by a key.")
    text = f"{_subject(place)} is nested deeper than the {budget.depth} levels that a message may have."
    return MessageUnsupported("limit.message", text, "Send a flatter value.")


def _survey(value, place, depth, tally):
    """Whether JSON may hold the value; looks at the containers, and at the types of what they hold. Stops at what JSON cannot hold."""
    if isinstance(value, dict):
        tally.admit(value, place, depth + 1)
        entries = value.values()
    elif isinstance(value, (list, tuple)):
        tally.admit(value, place, depth + 1)
        entries = value
    elif isinstance(value, _binary_types):
        return False
    elif isinstance(value, _scalar_types):
        return True
    else:
        raise _refuse_type(value, place)
    if not _scalars.issuperset(map(type, entries)):
        for key, entry in value.items() if isinstance(value, dict) else enumerate(value):
            if type(entry) not in _scalars and not _survey(entry, (place, key), depth + 1, tally):
                return False
    return True


def _walk(value, place):
    """The value and all that is in it, keys too, each with its place. Only for values that were admitted."""
    yield place, value
    if isinstance(value, dict):
        for key, entry in value.items():
            yield (place, key), key
            yield from _walk(entry, (place, key))
    elif isinstance(value, (list, tuple)):
        for index, entry in enumerate(value):
            yield from _walk(entry, (place, index))


def _is_unicode(text):
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _holds_large_integer(value):
    return any(isinstance(part, int) and not -_large < part < _large for _, part in _walk(value, None))


# The text lane.


def _refuse_unknown(value):
    raise _refuse_type(value, None)


# No markers: the survey bounds the depth. No ASCII escapes, no spaces, no NaN.
_write_json = c_make_encoder(None, _refuse_unknown, c_encode_basestring, None, ":", ",", False, False, False)

# All digits become zeros, what may stand before an integer becomes a comma.
_digits = bytes.maketrans(b"123456789[:-", b"000000000,,,")
_sixteen_digits = b"0" * 16
_nineteen_digits = b"0" * 19


def _may_hold_large_integer(data):
    """An integer of 2**53 and more has 16 digits behind a bracket, a separator, a sign or nothing."""
    if len(data) < 16:
        return False
    zeros = data.translate(_digits)
    return b"," + _sixteen_digits in zeros or zeros.startswith(_sixteen_digits)


def _refuse_constant(name):
    raise _invalid(f"it is not JSON: {name}")


_scan = JSONDecoder(parse_constant=_refuse_constant).scan_once
_white_space = " \t\n\r"

# What decides the shape of JSON: brackets, which are all made square, and commas. Any other character is a `1`.
_shape = bytes.maketrans(bytes(range(256)), bytes({0x5B: 0x5B, 0x7B: 0x5B, 0x5D: 0x5D, 0x7D: 0x5D, 0x2C: 0x2C}.get(byte, 0x31) for byte in range(256)))


def _read_text(text, budget):
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise _invalid("it holds half of a surrogate pair") from None
    if len(data) > budget.bytes:
        raise _too_large(budget, len(data))
    # Fewer characters cannot exceed the budget: a level takes two, a value two.
    if len(data) > 2 * budget.depth or len(data) > 2 * budget.nodes:
        _check_shape(data, budget)
    start = 0 if text[:1] not in _white_space else len(text) - len(text.lstrip(_white_space))
    try:
        value, end = _scan(text, start)
    except (StopIteration, ValueError, RecursionError):
        raise _invalid("it is not JSON") from None
    if end != len(text) and text[end:].strip(_white_space):
        raise _invalid("it is not JSON: something follows its end")
    _check_value(value, data, budget)
    return value


def _check_shape(data, budget):
    """Counts depth and values of what may be JSON. Whether it is JSON, the scanner says."""
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    outside = b"1".join(data.split(b'"')[::2]).translate(_shape, b" \t\n\r")
    if 1 + outside.count(b",") + outside.count(b"[") - outside.count(b"[]") > budget.nodes:
        raise _invalid(f"it has more than {budget.nodes} values")
    brackets = outside.translate(None, b"1,")
    for _ in range(budget.depth):
        if not brackets:
            return
        brackets = brackets.replace(b"[]", b"")
    if brackets:
        raise _invalid(f"it is nested deeper than {budget.depth} levels" if b"[]" in brackets else "it is not JSON")


def _check_value(value, data, budget):
    """What the scanner lets pass and a message does not have; looked for only where the text gives a reason."""
    many_keys = len(data) > 5 * budget.keys and data.count(b":") > budget.keys
    escaped = b"\\u" in data
    if many_keys or escaped or len(data) >= 19 and _nineteen_digits in data.translate(_digits):
        for _, part in _walk(value, None):
            if isinstance(part, dict) and len(part) > budget.keys:
                raise _invalid(f"a map has more than {budget.keys} keys")
            if isinstance(part, int) and not _least_integer <= part <= _greatest_integer:
                raise _invalid("it holds an integer beyond 64 bits")
            if escaped and isinstance(part, str) and not _is_unicode(part):
                raise _invalid("a string holds half of a surrogate pair")


# The binary lane: writing. Every part in its shortest form.

_extension_tags = {1: 0xD4, 2: 0xD5, 4: 0xD6, 8: 0xD7, 16: 0xD8}


def _write_binary(value, budget):
    output = bytearray()
    try:
        _write(output, value, None, 0, _Tally(budget, value))
    except UnicodeEncodeError:
        raise _refuse_broken_text(value) from None
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
            raise _too_large(tally.budget)
        output += _header(length, 0, 0, 0xC4, 0xC5)
        output += value.tobytes() if isinstance(value, memoryview) else value
    elif isinstance(value, datetime):
        output += _timestamp(value, place)
    elif isinstance(value, BaseException):
        output += _error(value, tally.budget)
    else:
        raise _refuse_type(value, place)
    if len(output) > tally.budget.bytes:
        raise _too_large(tally.budget)


def _header(length, short, short_tag, tag8, tag16):
    """A header in its shortest form: within `short`, else with a length of 8 (if there is `tag8`), 16 or 32 bits."""
    if length < short:
        return bytes([short_tag | length])
    if length < 0x100 and tag8 is not None:
        return pack(">BB", tag8, length)
    return pack(">BH", tag16, length) if length < 0x10000 else pack(">BI", tag16 + 1, length)


def _write_text(output, text, budget):
    if len(text) > budget.bytes:
        raise _too_large(budget)
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
    (_least_integer, _greatest_integer, "q", 0xD3),
)


def _integer(value, place):
    for least, greatest, form, tag in _integer_forms:
        if least <= value <= greatest:
            return pack(">" + form, value) if tag is None else pack(">B" + form, tag, value)
    raise _unsupported(place, "is an integer beyond 64 bits", "Send it as a string or as bytes.")


def _extension(kind, content):
    length = len(content)
    header = bytes([_extension_tags[length]]) if length in _extension_tags else _header(length, 0, 0, 0xC7, 0xC8)
    return header + bytes([kind & 0xFF]) + content


def _timestamp(value, place):
    if value.utcoffset() is None:
        raise _unsupported(place, "is a datetime without a time zone", "Give it one: datetime.now(timezone.utc), value.replace(tzinfo=timezone.utc).")
    milliseconds = (value - _epoch) // timedelta(milliseconds=1)
    if not _first_millisecond <= milliseconds <= _last_millisecond:
        raise _unsupported(place, "is a datetime outside the years 1 to 9999")
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
        _write_text(content, text if _is_unicode(text) else _mended(text), budget)
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


# The binary lane: reading.


def _read_binary(text, budget):
    try:
        data = text.encode("latin-1")
    except UnicodeEncodeError:
        raise _invalid("a character is no byte") from None
    reader = _Reader(data, budget)
    value = reader.read(0)
    if reader.position != len(data):
        raise _invalid(f"there are {len(data) - reader.position} bytes after its end")
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
            raise _invalid(f"it ends within a value, at byte {len(self.data)}")
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
            raise _invalid(f"byte {self.position - 1} begins no value")
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
            raise _invalid(f"the string at byte {self.position - length} is not UTF-8") from None

    def admit_integer(self, value):
        if value > _greatest_integer:
            raise _invalid("it holds an integer beyond 64 bits with a sign")
        return value

    def admit(self, nodes, size, depth):
        if depth > self.budget.depth:
            raise _invalid(f"it is nested deeper than {self.budget.depth} levels")
        if size > len(self.data) - self.position:
            raise _invalid(f"it ends within a value, at byte {len(self.data)}")
        self.nodes += nodes
        if self.nodes > self.budget.nodes:
            raise _invalid(f"it has more than {self.budget.nodes} values")

    def list(self, length, depth):
        self.admit(length, length, depth)
        return [self.read(depth) for _ in range(length)]

    def map(self, length, depth):
        if length > self.budget.keys:
            raise _invalid(f"a map has more than {self.budget.keys} keys")
        self.admit(length, length * 2, depth)
        result = {}
        for _ in range(length):
            key = self.key()
            if key in result:
                raise _invalid(f"a map has the key {_quoted(key)} twice")
            result[key] = self.read(depth)
        return result

    def key(self):
        tag = self.unsigned(1)
        if 0xA0 <= tag < 0xC0:
            return self.text(tag & 0x1F)
        if 0xD9 <= tag <= 0xDB:
            return self.text(self.unsigned(1 << tag - 0xD9))
        raise _invalid(f"the key at byte {self.position - 1} is no string")

    def extension(self, length):
        kind = self.signed(1)
        content = self.take(length)
        if kind == _timestamp_extension:
            return _read_timestamp(content)
        if kind == _error_extension:
            return _read_error(_Reader(content, self.budget))
        raise _invalid(f"it has a value of the extension type {kind}")


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
        raise _invalid(f"a timestamp has {length} bytes")
    milliseconds = seconds * 1000 + nanoseconds // 1_000_000
    if nanoseconds > 999_999_999 or not _first_millisecond <= milliseconds <= _last_millisecond:
        raise _invalid("a timestamp is out of range")
    return _epoch + timedelta(milliseconds=milliseconds)


def _read_error(reader):
    tag = reader.unsigned(1)
    if not 0x82 <= tag <= 0x84:
        raise _invalid("an error is no map of two to four fields")
    fields = {}
    for _ in range(tag & 0x0F):
        name = reader.key()
        if name not in ("name", "message", "code", "stack"):
            raise _invalid("an error has an unknown field")
        if name in fields:
            raise _invalid(f"an error has its {name} twice")
        fields[name] = reader.key()
    if reader.position != len(reader.data):
        raise _invalid("an error holds more than its fields")
    if "name" not in fields or "message" not in fields:
        raise _invalid("an error lacks its name or its message")
    return MessageError(**fields)
