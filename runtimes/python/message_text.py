"""The text lane of messages in Python: JSON, by the scanner and the encoder of the standard library that are written in C."""

from json import JSONDecoder
from json.encoder import c_encode_basestring, c_make_encoder

from vivarium.message_values import greatest_integer, invalid, is_unicode, least_integer, refuse_type, too_large, walk


def _refuse_unknown(value):
    raise refuse_type(value, None)


# No markers: the survey bounds the depth. No ASCII escapes, no spaces, no NaN.
write_json = c_make_encoder(None, _refuse_unknown, c_encode_basestring, None, ":", ",", False, False, False)

# All digits become zeros, what may stand before an integer becomes a comma.
digits = bytes.maketrans(b"123456789[:-", b"000000000,,,")
sixteen_digits = b"0" * 16
nineteen_digits = b"0" * 19


def may_hold_large_integer(data):
    """An integer of 2**53 and more has 16 digits behind a bracket, a separator, a sign or nothing."""
    if len(data) < 16:
        return False
    zeros = data.translate(digits)
    return b"," + sixteen_digits in zeros or zeros.startswith(sixteen_digits)


def _refuse_constant(name):
    raise invalid(f"it is not JSON: {name}")


scan = JSONDecoder(parse_constant=_refuse_constant).scan_once
_white_space = " \t\n\r"

# What decides the shape of JSON: brackets, which are all made square, and commas. Any other character is a `1`.
_shape = bytes.maketrans(bytes(range(256)), bytes({0x5B: 0x5B, 0x7B: 0x5B, 0x5D: 0x5D, 0x7D: 0x5D, 0x2C: 0x2C}.get(byte, 0x31) for byte in range(256)))


def read_text(text, budget):
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise invalid("it holds half of a surrogate pair") from None
    if len(data) > budget.bytes:
        raise too_large(budget, len(data))
    # Fewer characters cannot exceed the budget: a level takes two, a value two.
    if len(data) > 2 * budget.depth or len(data) > 2 * budget.nodes:
        _check_shape(data, budget)
    start = 0 if text[:1] not in _white_space else len(text) - len(text.lstrip(_white_space))
    try:
        value, end = scan(text, start)
    except (StopIteration, ValueError, RecursionError):
        raise invalid("it is not JSON") from None
    if end != len(text) and text[end:].strip(_white_space):
        raise invalid("it is not JSON: something follows its end")
    _check_value(value, data, budget)
    return value


def _check_shape(data, budget):
    """Counts depth and values of what may be JSON. Whether it is JSON, the scanner says."""
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    outside = b"1".join(data.split(b'"')[::2]).translate(_shape, b" \t\n\r")
    if 1 + outside.count(b",") + outside.count(b"[") - outside.count(b"[]") > budget.nodes:
        raise invalid(f"it has more than {budget.nodes} values")
    brackets = outside.translate(None, b"1,")
    for _ in range(budget.depth):
        if not brackets:
            return
        brackets = brackets.replace(b"[]", b"")
    if brackets:
        raise invalid(f"it is nested deeper than {budget.depth} levels" if b"[]" in brackets else "it is not JSON")


def _check_value(value, data, budget):
    """What the scanner lets pass and a message does not have; looked for only where the text gives a reason."""
    many_keys = len(data) > 5 * budget.keys and data.count(b":") > budget.keys
    escaped = b"\\u" in data
    if many_keys or escaped or len(data) >= 19 and nineteen_digits in data.translate(digits):
        for _, part in walk(value, None):
            if isinstance(part, dict) and len(part) > budget.keys:
                raise invalid(f"a map has more than {budget.keys} keys")
            if isinstance(part, int) and not least_integer <= part <= greatest_integer:
                raise invalid("it holds an integer beyond 64 bits")
            if escaped and isinstance(part, str) and not is_unicode(part):
                raise invalid("a string holds half of a surrogate pair")
