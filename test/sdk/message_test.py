"""What the Python codec must do beside the vectors. Run by message.python.test.ts; `run` answers with what went wrong."""

import dataclasses
import decimal
import enum
import json
import math
import struct
from collections import OrderedDict, defaultdict, namedtuple
from datetime import date, datetime, timedelta, timezone

from vivarium import message_values
from vivarium.message import Budget, MessageError, MessageUnsupported, binary_lane, decode, default_budget, encode, text_lane

failures = []


def check(name, actual, expected):
    if actual != expected:
        failures.append(f"{name}: {actual!r:.300} is not {expected!r:.300}")


def refusal(work, *arguments):
    try:
        result = work(*arguments)
    except MessageUnsupported as error:
        return error
    except BaseException as error:
        return MessageUnsupported(f"{type(error).__name__}: {error}", "")
    return MessageUnsupported(f"no refusal but {result!r:.100}", "")


def value_of(notation):
    if isinstance(notation, list):
        return [value_of(entry) for entry in notation]
    if not isinstance(notation, dict):
        return notation
    tag = next(iter(notation), "")
    content = notation.get(tag)
    if tag == "$integer":
        return int(content)
    if tag == "$float":
        return float(content)
    if tag == "$bytes":
        return bytes.fromhex(content)
    if tag == "$datetime":
        return datetime.strptime(content, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
    if tag == "$error":
        return MessageError(**content)
    if tag == "$map":
        return {key: value_of(entry) for key, entry in content}
    return {key: value_of(entry) for key, entry in notation.items()}


def described(value):
    """A form that two values share only if they are the same message: tells 1 from 1.0 and True, and has one NaN."""
    if isinstance(value, float):
        return ("float", struct.pack(">d", math.nan if math.isnan(value) else value))
    if isinstance(value, dict):
        return ("map", sorted((key, described(entry)) for key, entry in value.items()))
    if isinstance(value, list):
        return ("list", [described(entry) for entry in value])
    if isinstance(value, MessageError):
        return ("error", value.name, value.message, value.code, value.stack)
    return (type(value).__name__, value)


def expand(part, lane):
    if isinstance(part, dict):
        names = [f"{index:05}" for index in range(part["keys"])]
        return ",".join(f'"{name}":0' for name in names) if lane == "text" else "".join(f"a5{name.encode().hex()}00" for name in names)
    return part[0] * part[1]


def payload_of(vector):
    content = vector.get("text", vector.get("hex"))
    if content is None:
        content = "".join(expand(part, vector["lane"]) for part in vector["parts"])
    return (text_lane, content) if vector["lane"] == "text" else (binary_lane, bytes.fromhex(content).decode("latin-1"))


def check_vectors(vectors):
    for vector in vectors["valid"]:
        name = f"{vector['lane']}: {vector['name']}"
        value = value_of(vector["value"])
        check(f"decodes {name}", described(decode(*payload_of(vector))), described(value))
        if "python" in vector.get("encodedBy", ["python"]):
            check(f"encodes {name}", encode(value), payload_of(vector))
    for vector in vectors["edges"]:
        payload = payload_of(vector)
        check(f"edge {vector['lane']}: {vector['name']}", encode(decode(*payload))[0] in (text_lane, binary_lane), True)
    for vector in vectors["invalid"]:
        check(f"refuses {vector['lane']}: {vector['name']}", refusal(decode, *payload_of(vector)).code, vector["code"])


class Level(enum.IntEnum):
    high = 3


class Colour(str, enum.Enum):
    red = "red"


Point = namedtuple("Point", ["x", "y"])


@dataclasses.dataclass
class Order:
    price: float


class Mute(Exception):
    def __str__(self):
        raise RuntimeError


def check_forms():
    check("forms of text", encode({"a": (1, Point(2, 3)), "b": OrderedDict(c=Level.high), "d": Colour.red, "e": defaultdict(int)}), (text_lane, '{"a":[1,[2,3]],"b":{"c":3},"d":"red","e":{}}'))
    check("forms of bytes", [decode(*encode(form)) for form in (b"ab", bytearray(b"ab"), memoryview(b"xaxb")[1::2])], [b"ab"] * 3)
    check("a large integer hides nowhere", [encode(form)[0] for form in (2**53, [2**53], {"a": -(2**53)}, [[1], {"a": [2**60]}], [Level.high, 2**53])], [binary_lane] * 5)
    check("a long digit run is text", [encode(form)[0] for form in ("4111111111111111", ["1:9007199254740993"], 0.12345678901234567, [2**53 - 1])], [text_lane] * 4)
    check("NaN within", encode({"a": [1, float("nan")]})[0], binary_lane)
    zone = timezone(timedelta(hours=2))
    check("datetimes become UTC and milliseconds", decode(*encode(datetime(2026, 11, 20, 12, 0, 0, 123999, zone))), datetime(2026, 11, 20, 10, 0, 0, 123000, timezone.utc))
    check("an early datetime is rounded down", decode(*encode(datetime(1969, 12, 31, 23, 59, 59, 999999, timezone.utc))), datetime(1969, 12, 31, 23, 59, 59, 999000, timezone.utc))


def check_errors():
    received = decode(*encode({"error": ValueError("no")}))["error"]
    check("an exception", described(received), ("error", "ValueError", "no", None, None))
    check("an error again", encode(received), encode(ValueError("no")))
    denied = ValueError("a\ud800")
    denied.code = "policy.denied"
    check("a code, and text that is mended", described(decode(*encode(denied))), ("error", "ValueError", "a\ufffd", "policy.denied", None))
    check("an exception that cannot speak", described(decode(*encode(Mute()))), ("error", "Mute", "", None, None))
    check("an exit", described(decode(*encode(SystemExit(2)))), ("error", "SystemExit", "2", None, None))
    try:
        int("x")
    except ValueError as error:
        check("a stack", decode(*encode(error)).stack.splitlines()[0], "Traceback (most recent call last):")


def check_refusals():
    lists = []
    lists.append(lists)
    order = {"items": [{}]}
    order["items"][0]["order"] = order
    deep = nested = []
    for _ in range(64):
        nested.append([])
        nested = nested[0]
    model = message_values.model_hint
    for name, value, code, text in [
        ("a function", {"order": {"items": [0, 1, 2, {"price": check}]}}, "message.unsupported", "order.items[3].price is a function."),
        ("a Decimal", {"a b": [decimal.Decimal(1)]}, "message.unsupported", '["a b"][0] is of type Decimal.'),
        ("a set", {"tags": {1}}, "message.unsupported", "tags is of type set."),
        ("a dataclass", Order(1), "message.unsupported", "The value is a dataclass Order."),
        ("a date", [date(2026, 1, 1)], "message.unsupported", "[0] is of type date."),
        ("a complex number", 1j, "message.unsupported", "The value is of type complex."),
        ("a key that is an integer", {"a": {1: 1}}, "message.unsupported", "a is a dict with a key that is no str but of type int."),
        ("a key that is None", {None: 1}, "message.unsupported", "The value is a dict with a key that is no str but of type NoneType."),
        ("keys of two types beside bytes", [b"", {"a": 1, 2: 2}], "message.unsupported", "[1] is a dict with a key that is no str but of type int."),
        ("a set beside bytes", [b"", {"a": {1}}], "message.unsupported", "[1].a is of type set."),
        ("an integer beyond 64 bits", {"id": 2**63}, "message.unsupported", "id is an integer beyond 64 bits."),
        ("an integer below 64 bits", [[-(2**63) - 1]], "message.unsupported", "[0][0] is an integer beyond 64 bits."),
        ("half of a surrogate pair", {"a": ["x\ud800"]}, "message.unsupported", "a[0] is a string with half of a surrogate pair."),
        ("half of a surrogate pair in a key", {"a": {"x\udc00": 1}}, "message.unsupported", 'a["x\\udc00"] is a string with half of a surrogate pair.'),
        ("half of a surrogate pair beside bytes", [b"", "\ud800"], "message.unsupported", "[1] is a string with half of a surrogate pair."),
        ("a naive datetime", {"at": datetime(2026, 1, 1)}, "message.unsupported", "at is a datetime without a time zone."),
        ("a datetime before the year 1", [datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1)))], "message.unsupported", "[0] is a datetime outside the years 1 to 9999."),
        ("a cycle", {"order": order}, "message.unsupported", "order.items[0].order is a container that lies in itself."),
        ("a list in itself beside bytes", [b"", lists], "message.unsupported", "[1][0] is a container that lies in itself."),
        ("65 levels", deep, "limit.message", None),
        ("65 levels beside bytes", [b"", deep[0]], "limit.message", None),
        ("100,001 values", [0] * 100_000, "limit.message", None),
        ("100,001 values beside bytes", [b""] + [0] * 99_999, "limit.message", None),
        ("10,001 keys", {str(key): 0 for key in range(10_001)}, "limit.message", None),
        ("one byte too many", "x" * (1024 * 1024 - 1), "limit.message", "The message has 1,048,577 bytes, more than the 1,048,576 bytes that one message may have."),
        ("one byte too many in UTF-8", "é" * (512 * 1024 - 1) + "x", "limit.message", "The message has 1,048,577 bytes, more than the 1,048,576 bytes that one message may have."),
        ("too many bytes", bytes(1024 * 1024 - 4), "limit.message", None),
        ("an error with a long message", ValueError("x" * 2**21), "limit.message", None),
    ]:
        error = refusal(encode, value)
        check(f"refuses {name}", error.code, code)
        if text is not None:
            check(f"says of {name}", str(error), text)
        check(f"hints at {name}", error.hint is not None and error.hint.endswith(".") or error.hint == model, True)
    check("takes 1 MiB", len(encode("x" * (1024 * 1024 - 2))[1]), 1024 * 1024)
    check("takes 1 MiB of bytes", len(encode(bytes(1024 * 1024 - 5))[1]), 1024 * 1024)
    check("takes 64 levels", encode(deep[0])[1], "[" * 64 + "]" * 64)
    check("refuses characters that are no bytes", refusal(decode, binary_lane, "\u0100").code, "message.invalid")
    check("counts against the budget it is given", refusal(decode, text_lane, "[[0]]", Budget(100, 1, 100, 100)).code, "message.invalid")


def run(vectors):
    check_vectors(json.loads(vectors))
    check_forms()
    check_errors()
    check_refusals()
    return failures


def pass_through(lane, text):
    """What arrived, encoded again: for the comparison with JavaScript."""
    return list(encode(decode(lane, text), default_budget._replace(bytes=2**24)))
