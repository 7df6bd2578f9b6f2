"""Short cuts through the codec for what most messages are: small ones coming in, flat dicts going out.

Whatever is not that, or is doubtful, goes the whole way through `vivarium.message`, which also finds the words of a refusal.
Bytes are searched by `find`: in CPython `in` first takes the other side for a number, and raises, four times as slow.
"""

from vivarium import message, message_text, message_values
from vivarium.message import MessageUnsupported, text_lane

_sixteen_digits_in_a_value = b"," + message_text.sixteen_digits
_few = 64
# Nothing in these needs counting, and none leads into another: what is written before it was looked at may be nested without end.
_only_scalars = frozenset([str, int, float, bool, type(None)]).issuperset


def codec(budget):
    """`encode(value)` and `decode(lane, text)` within a budget, with the results of those of `vivarium.message`."""
    # Fewer characters can exceed none of them: two make a level, two a value, five a key.
    short = min(2 * budget.depth, 2 * budget.nodes, 5 * budget.keys, budget.bytes // 4)
    few = min(_few, budget.keys, budget.nodes - 1) if budget.depth > 0 else -1
    size = budget.bytes
    scan, write, join = message_text.scan, message_text.write_json, "".join
    digits, nineteen_digits, sixteen_digits = message_text.digits, message_text.nineteen_digits, _sixteen_digits_in_a_value
    only_text = message_values.only_text.issuperset
    whole_decode, whole_encode = message.decode, message.encode

    def decode(lane, text):
        if lane == text_lane and len(text) <= short:
            try:
                data = text.encode()
                value, end = scan(text, 0)
            except (StopIteration, ValueError, RecursionError, MessageUnsupported):
                return whole_decode(lane, text, budget)
            if end == len(text) and "\\u" not in text and data.translate(digits).find(nineteen_digits) < 0:
                return value
        return whole_decode(lane, text, budget)

    def encode(value):
        if type(value) is dict and len(value) <= few and only_text(map(type, value)) and _only_scalars(map(type, value.values())):
            try:
                text = join(write(value, 0))
                data = text.encode()
                if len(data) <= size and data.translate(digits).find(sixteen_digits) < 0:
                    return text_lane, text
            except (ValueError, RecursionError, MessageUnsupported):
                pass
        return whole_encode(value, budget)

    return encode, decode
