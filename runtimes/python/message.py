"""Messages in Python: the value model of docs/reference/messages.md, in both lanes.

The twin of sdk/message.ts: the same values, budgets, refusals and bytes, held equal by the vectors of
test/sdk/message.vectors.json. It needs nothing but the standard library.

A payload crosses the wall of the isolate as a lane and a text. In the text lane the text is JSON; in the
binary lane it is MessagePack with one character (U+0000 to U+00FF) for each byte.
"""

from vivarium.message_binary import read_binary, write_binary
from vivarium.message_text import may_hold_large_integer, read_text, write_json
from vivarium.message_values import (
    Budget,
    MessageError,
    MessageUnsupported,
    Tally,
    binary_lane,
    default_budget,
    holds_large_integer,
    refuse_broken_text,
    survey,
    text_lane,
    too_large,
)

__all__ = ["Budget", "MessageError", "MessageUnsupported", "binary_lane", "decode", "default_budget", "encode", "text_lane"]


def encode(value, budget=default_budget):
    """The lane and the text of a value.

    Raises MessageUnsupported: `message.unsupported` for what is no message, naming its path,
    `limit.message` for what exceeds the budget.
    """
    if survey(value, None, 0, Tally(budget, value)):
        try:
            text = "".join(write_json(value, 0))
        except ValueError:  # NaN and infinities: JSON has none
            return binary_lane, write_binary(value, budget)
        try:
            data = text.encode()
        except UnicodeEncodeError:
            raise refuse_broken_text(value) from None
        if not may_hold_large_integer(data) or not holds_large_integer(value):
            if len(data) > budget.bytes:
                raise too_large(budget, len(data))
            return text_lane, text
    return binary_lane, write_binary(value, budget)


def decode(lane, text, budget=default_budget):
    """The value of a payload, which is not trusted: everything is counted before it is allocated.

    Raises MessageUnsupported: `message.invalid` for what is not well formed or exceeds the budget for
    depth, values or keys, `limit.message` for what is too large.
    """
    if len(text) > budget.bytes:
        raise too_large(budget, len(text))
    return read_text(text, budget) if lane == text_lane else read_binary(text, budget)
