"""Short cuts through the codec for what most messages are: plain values of modest size.

Whatever is not that, or is doubtful, goes the whole way through `vivarium.message`, which also finds the words of a refusal.
Bytes are searched by `find`: in CPython `in` first takes the other side for a number, and raises, four times as slow.
"""

from collections import namedtuple
from itertools import accumulate, batched, repeat

from vivarium import message, message_text
from vivarium.message import MessageUnsupported, text_lane

Codec = namedtuple("Codec", ["encode", "decode", "are_clear", "read", "read_many", "are_good", "write", "few", "most"])
"""Within a budget:

`encode(value)` and `decode(lane, text)` have the results of those of `vivarium.message`.

Their halves serve many messages at once: what must be looked for in a text is looked for in all of them together.
`are_clear(texts)`: `read(text)` may be used for each of them in place of `decode`.
`read_many(texts, lengths)` gives the values of clear texts that follow each other, an `Unread` for each that `read` must look at.
`write(value)` gives a text, or None where `encode` must do it; `are_good(texts)`: they may be sent, all of them. Else each is to be
looked at, and the value of one that is not good to be encoded.

For a dict of at most `few` entries, with keys that are strings and values that are `scalars`, the text of `write` is that of
`message_text.write_json`, if that raises nothing and gives at most `most` characters.
"""

_doubts = (StopIteration, ValueError, RecursionError, MessageUnsupported)

_sixteen_digits_in_a_value = b"," + message_text.sixteen_digits
# Texts that are read at once.
_together = 16
# Values that are counted on the way, and levels.
_few = 256
_flat = 8
scalars = frozenset([str, int, float, bool, type(None)])
_too_many = 2 * _few
_large = 2**53


def _count(value, levels):
    """How many values a container holds, at least `_too_many` if it is not plain: lists, dicts and scalars of these very types."""
    count = len(value)
    if count > _few:
        return _too_many
    if type(value) is dict:
        for key in value:
            if type(key) is not str:
                return _too_many
        value = value.values()
    for entry in value:
        kind = type(entry)
        if kind not in scalars:
            if levels == 0 or kind is not dict and kind is not list:
                return _too_many
            count += _count(entry, levels - 1)
            if count > _few:
                return _too_many
    return count


class Unread(str):
    """A text in the place of its value."""

    __slots__ = ()


def leave_unread(texts, lengths):
    """As `read_many`, of texts that are not clear."""
    at = 0
    for length in lengths:
        yield Unread(texts[at : at + length])
        at += length


def codec(budget):
    # Fewer characters can exceed none of them: two make a level, two a value, five a key.
    short = min(2 * budget.nodes, 5 * budget.keys, budget.bytes // 4)
    flat = min(2 * budget.depth, short)
    depth = budget.depth
    few = min(_few, budget.keys, budget.nodes - 1) if budget.depth > 0 else -1
    levels = min(_flat, budget.depth) - 1
    # A character has at most four bytes.
    most = budget.bytes // 4
    scan, write_json = message_text.scan, message_text.write_json
    digits, nineteen_digits, sixteen_digits = message_text.digits, message_text.nineteen_digits, _sixteen_digits_in_a_value
    whole_decode, whole_encode = message.decode, message.encode

    def are_clear(texts):
        try:
            return "\\u" not in texts and texts.encode().translate(digits).find(nineteen_digits) < 0
        except UnicodeEncodeError:
            return False

    def read(text):
        length = len(text)
        if length <= flat or length <= short and text.count("[") + text.count("{") <= depth:
            try:
                value, end = scan(text, 0)
                if end == length:
                    return value
            except _doubts:
                pass
        return whole_decode(text_lane, text, budget)

    def read_many(texts, lengths):
        at = 0
        for some in batched(lengths, _together):
            ends = list(accumulate(some))
            starts = [0, *ends[:-1]]
            part = texts[at : at + ends[-1]]
            at += ends[-1]
            # Where a text is broken, the scanner goes on into the next one: no deeper than a message may be, and then it ends elsewhere.
            if max(some) <= short and part.count("[") + part.count("{") <= depth:
                try:
                    found = list(map(scan, repeat(part), starts))
                except Exception:
                    found = []
                if [end for _, end in found] == ends:
                    found.reverse()
                    while found:
                        # Nothing here holds on to it.
                        yield found.pop()[0]
                    continue
            for start, end in zip(starts, ends):
                yield Unread(part[start:end])

    def decode(lane, text):
        if lane == text_lane and len(text) <= short and are_clear(text):
            return read(text)
        return whole_decode(lane, text, budget)

    def are_good(texts):
        try:
            return texts.encode().translate(digits).find(sixteen_digits) < 0
        except UnicodeEncodeError:
            return False

    def write(value):
        kind = type(value)
        if kind is dict:
            if len(value) > few:
                return None
            for key, entry in value.items():
                if type(key) is not str or type(entry) not in scalars:
                    if _count(value, levels) > few:
                        return None
                    break
        elif kind is list:
            if _count(value, levels) > few:
                return None
        elif kind is not str and kind is not bool and (kind is not int or not -_large < value < _large):
            return None
        try:
            (text,) = write_json(value, 0)
        except _doubts:
            return None
        return text if len(text) <= most else None

    def encode(value):
        text = write(value)
        if text is not None and are_good(text):
            return text_lane, text
        return whole_encode(value, budget)

    return Codec(encode, decode, are_clear, read, read_many, are_good, write, few, most)
