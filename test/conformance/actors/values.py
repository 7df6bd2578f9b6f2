"""Makes the value of a name: see test/conformance/valueTable.ts."""

from datetime import datetime, timezone
from math import inf, nan

from vivarium.message import MessageError


def nested(depth):
    return [] if depth == 1 else [nested(depth - 1)]


def utc(*parts):
    return datetime(*parts, tzinfo=timezone.utc)


values = {
    "null": None,
    "true": True,
    "false": False,
    "zero": 0,
    "a negative integer": -7,
    "an integer of 32 bits and one": 2**32,
    "the last integer before 2^53": 2**53 - 1,
    "2^53": 2**53,
    "2^53 + 1": 2**53 + 1,
    "-2^53 - 1": -(2**53) - 1,
    "the greatest integer": 2**63 - 1,
    "the least integer": -(2**63),
    "a float": 12.5,
    "a float that is whole": 5.0,
    "negative zero": -0.0,
    "a sum of floats": 0.1 + 0.2,
    "a large float": 1e300,
    "a whole float of 2^53": 2.0**53,
    "the least float": 5e-324,
    "the greatest float": 1.7976931348623157e308,
    "not a number": nan,
    "infinity": inf,
    "negative infinity": -inf,
    "an empty string": "",
    "a string": "text",
    "a string of many scripts": "naïve – 日本 – 👩‍🚀",
    "a string of control characters": '\0\b\t\n\f\r"\\/\u007f\u2028',
    "a string that looks like a number": "9007199254740993",
    "a long string": "é" * 40_000,
    "no bytes": b"",
    "bytes": bytes([0, 1, 127, 128, 255]),
    "many bytes": bytes(index % 256 for index in range(70_000)),
    "the epoch": utc(1970, 1, 1),
    "a datetime": utc(2026, 2, 3, 4, 5, 6, 789_000),
    "a datetime before the epoch": utc(1969, 12, 31, 23, 59, 59, 999_000),
    "the first datetime": utc(1, 1, 1),
    "the last datetime": utc(9999, 12, 31, 23, 59, 59, 999_000),
    "an error": MessageError("zu weit – 遠", name="RangeError", code="E_FAR"),
    "an error without a code": MessageError("", name="TypeError"),
    "an empty list": [],
    "a list": [1, "two", None, [3.5, [True]]],
    "a long list": list(range(1_000)),
    "the deepest list": nested(64),
    "an empty map": {},
    "a map": {"b": 1, "a": {"c": [], "ключ": None}},
    "a map with odd keys": {"": 0, "2": 1, "__proto__": 2, "constructor": 3, 'a"b\\': 4},
    "everything": {
        "at": utc(1970, 1, 1, 0, 0, 0, 1_000),
        "list": [b"\7", 2**60, nan],
        "map": {"error": MessageError("inside", name="RangeError")},
        "none": None,
    },
}


def handle(name, context):
    # A returned None would send nothing.
    context.emit("out", values[name])
