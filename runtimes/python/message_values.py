"""What a message in Python may hold, how a refusal is worded, and the survey of a value before anything of it is written."""

from collections import namedtuple
from datetime import datetime

text_lane = 0
binary_lane = 1

# Encoded bytes; lists and maps inside each other; values in all, keys not counted; keys of one map.
Budget = namedtuple("Budget", ["bytes", "depth", "nodes", "keys"])
default_budget = Budget(bytes=1024 * 1024, depth=64, nodes=100_000, keys=10_000)

_large = 2**53
least_integer = -(2**63)
greatest_integer = 2**63 - 1


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


# Refusals. A place is None for the value itself, else the place of its container and the key in it.


def _subject(place):
    path = ""
    while place is not None and len(path) <= 200:
        place, key = place
        if isinstance(key, str) and len(key) <= 200 and key.isidentifier():
            path = ("." if place is not None else "") + key + path
        else:
            path = (f"[{key}]" if isinstance(key, int) else f"[{quoted(key)}]") + path
    if not path:
        return "The value"
    return path if len(path) <= 200 else "…" + path[-200:]


def quoted(key):
    return '"' + key[:200].encode("utf-8", "backslashreplace").decode() + '"'


model_hint = "A message holds None, bool, int, float, str, bytes, datetime, exceptions, lists and dicts."


def unsupported(place, reason, hint=model_hint):
    return MessageUnsupported("message.unsupported", f"{_subject(place)} {reason}.", hint)


def invalid(reason):
    return MessageUnsupported("message.invalid", f"The payload is no message: {reason}.")


def too_large(budget, size=None):
    has = "has more" if size is None else f"has {size:,} bytes, more"
    hint = "Send it in parts, or raise `limits.message` in the policy of the actor."
    return MessageUnsupported("limit.message", f"The message {has} than the {budget.bytes:,} bytes that one message may have.", hint)


def refuse_broken_text(value):
    place = next((place for place, part in walk(value, None) if isinstance(part, str) and not is_unicode(part)), None)
    return unsupported(place, "is a string with half of a surrogate pair", "Send text that is valid Unicode, or bytes.")


_hints = {
    **dict.fromkeys(["Decimal", "Fraction"], "Send a float, or a string."),
    **dict.fromkeys(["set", "frozenset", "generator"], "Send a list."),
    "coroutine": "Await it, and send what it returns.",
    "date": "Send a datetime with a time zone, or a string.",
}


def refuse_type(value, place):
    kind = type(value).__name__[:64]
    if hasattr(type(value), "__dataclass_fields__"):
        return unsupported(place, f"is a dataclass {kind}", "Send dataclasses.asdict(value).")
    return unsupported(place, "is a function" if kind == "function" else f"is of type {kind}", _hints.get(kind, model_hint))


# The survey: what a value needs, before anything is written.

_scalar_types = (str, int, float, type(None))
_scalars = frozenset([*_scalar_types, bool])
_binary_types = (bytes, bytearray, memoryview, datetime, BaseException)


only_text = frozenset([str])


class Tally:
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
        if depth > self.depth or self.nodes < 0 or isinstance(value, dict) and (len(value) > self.keys or not only_text.issuperset(map(type, value))):
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
                raise unsupported(place, reason, "Make the keys strings, or send a list of entries.")


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
            return unsupported(way, "is a container that lies in itself", "Send the parts, and let them refer to each other by a key.")
    text = f"{_subject(place)} is nested deeper than the {budget.depth} levels that a message may have."
    return MessageUnsupported("limit.message", text, "Send a flatter value.")


def survey(value, place, depth, tally):
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
        raise refuse_type(value, place)
    if not _scalars.issuperset(map(type, entries)):
        for key, entry in value.items() if isinstance(value, dict) else enumerate(value):
            if type(entry) not in _scalars and not survey(entry, (place, key), depth + 1, tally):
                return False
    return True


def walk(value, place):
    """The value and all that is in it, keys too, each with its place. Only for values that were admitted."""
    yield place, value
    if isinstance(value, dict):
        for key, entry in value.items():
            yield (place, key), key
            yield from walk(entry, (place, key))
    elif isinstance(value, (list, tuple)):
        for index, entry in enumerate(value):
            yield from walk(entry, (place, index))


def is_unicode(text):
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def holds_large_integer(value):
    return any(isinstance(part, int) and not -_large < part < _large for _, part in walk(value, None))
