"""Short cuts through the codec for what most messages are: small ones coming in, flat dicts going out.

Whatever is not that, or is doubtful, goes the whole way through `vivarium.message`, which also finds the words of a refusal.
"""

from vivarium import message
from vivarium.message import text_lane

_sixteen_digits_in_a_value = b"," + message._sixteen_digits
_few = 64


def codec(budget):
    """`encode(value)` and `decode(lane, text)` within a budget, with the results of those of `vivarium.message`."""
    # Fewer characters can exceed none of them: two make a level, two a value, five a key.
    short = min(2 * budget.depth, 2 * budget.nodes, 5 * budget.keys, budget.bytes // 4)
    few = min(_few, budget.keys, budget.nodes - 1) if budget.depth > 0 else -1
    size = budget.bytes
    scan, write, join = message._scan, message._write_json, "".join
    digits, nineteen_digits, sixteen_digits = message._digits, message._nineteen_digits, _sixteen_digits_in_a_value
    only_text, scalars = message._only_text.issuperset, message._scalars.issuperset
    whole_decode, whole_encode = message.decode, message.encode

    def decode(lane, text):
        if lane == text_lane and len(text) <= short:
            try:
                data = text.encode()
                value, end = scan(text, 0)
            except (StopIteration, ValueError, RecursionError, message.MessageUnsupported):
                return whole_decode(lane, text, budget)
            if end == len(text) and b"\\u" not in data and (end < 19 or nineteen_digits not in data.translate(digits)):
                return value
        return whole_decode(lane, text, budget)

    def encode(value):
        if type(value) is dict and len(value) <= few and only_text(map(type, value)) and scalars(map(type, value.values())):
            try:
                text = join(write(value, 0))
                data = text.encode()
            except ValueError:
                return whole_encode(value, budget)
            if len(data) <= size and sixteen_digits not in data.translate(digits):
                return text_lane, text
        return whole_encode(value, budget)

    return encode, decode
