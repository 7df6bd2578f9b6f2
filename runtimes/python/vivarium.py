"""What an actor in Python may import: types for its annotations, and the error that the host raises.

    from vivarium import Context

    def handle(order, context: Context):
        return {"total": order["price"] * order["quantity"]}
"""

import asyncio
import contextvars
import errno
import gc
from collections import namedtuple
from datetime import datetime, timedelta, timezone
from json import loads
from types import MappingProxyType

from vivarium import host
from vivarium.message import Budget, binary_lane, default_budget, text_lane
from vivarium.quick import codec

__all__ = ["Context", "Execution", "LimitExceeded", "Log", "PolicyDenied", "Service", "Signal", "State", "VivariumError"]

_any = object()
_log_characters = 8192
_not_capable = 76
"""WASI's number for what was not granted; the module `errno` has no name for it here."""
_epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)


class VivariumError(Exception):
    """What the host refused, or what another actor failed with.

    `code` is one of docs/reference/errors.md, `hint` says what would allow it, if something would.
    """

    def __init__(self, message="", code="actor.failed", hint=None):
        super().__init__(message)
        self.code = code
        self.hint = hint
        self._record = None

    @classmethod
    def _of_host(cls, record):
        """An error that keeps its code when a handler lets it pass. What an author raises is always `actor.failed`."""
        error = (PolicyDenied if record["code"] == "policy.denied" else cls)(record["message"])
        error._tell(record)
        return error

    def _tell(self, record):
        self.code = record["code"]
        self.hint = record.get("hint")
        self._record = record


class _OfSystem(VivariumError):
    """An error that the interpreter itself makes, of the number that an operation on files gave it. The host has told why."""

    def __init__(self, *told):
        OSError.__init__(self, *told)
        self.code = self._code
        self.hint = self._record = None
        record = None if self.errno is None else host.refusal()
        if record is not None:
            self._tell(loads(record))

    def __str__(self):
        return OSError.__str__(self) if self._record is None else self._record["message"]


class PolicyDenied(_OfSystem, PermissionError):
    """The policy of the actor does not allow an access. The message names the rule that decided, `hint` the line that would allow it."""

    _code = "policy.denied"

    def __init__(self, *told):
        super().__init__(*told)
        self.errno = errno.EACCES


class LimitExceeded(_OfSystem, OSError):
    """The actor has written as much as its quota allows, or holds as many files open: `limit.quota`, `limit.handles`."""

    _code = "limit.quota"


def _name_errors():
    """Which class an error becomes by its number, CPython keeps in a table. Whatever opens or removes a file raises ours then."""
    table = next(found for found in gc.get_objects() if type(found) is dict and found.get(errno.ENOENT) is FileNotFoundError)
    table[_not_capable] = PolicyDenied
    table[errno.EDQUOT] = table[errno.EMFILE] = LimitExceeded


def _refusal(code, message, hint=None):
    record = {"code": code, "message": message}
    return VivariumError._of_host(record if hint is None else record | {"hint": hint})


def _check(record):
    if record is not None:
        raise VivariumError._of_host(loads(record))


Execution = namedtuple("Execution", ["id", "parents", "attempt", "deadline", "trace"])
Execution.__doc__ = """The execution that a turn belongs to.

`parents` are the ids of executions whose messages led to this one, `attempt` is 1 at the first try, `deadline` a datetime or
None, `trace` a W3C traceparent or None.
"""


class Log:
    """Log lines of the actor, one function a level; values are joined by spaces, as `print` does."""

    __slots__ = ()

    def debug(self, *values):
        _log("debug", values)

    def info(self, *values):
        _log("info", values)

    def warn(self, *values):
        _log("warn", values)

    def error(self, *values):
        _log("error", values)

    warning = warn


def _log(level, values):
    host.log(level, " ".join(map(str, values))[:_log_characters])


class Signal:
    """Whether the turn was cancelled. A coroutine hears of it by `asyncio.CancelledError`."""

    __slots__ = ("_context",)

    def __init__(self, context):
        self._context = context

    @property
    def aborted(self):
        return hasattr(self._context, "_cancelled")


class Service:
    """A service of the embedder, or a group of them: `context.services.orders.list(since="2026-01-01")`.

    Called with one value, or with keywords, which are a dict. In a coroutine the call is awaited; in a plain function
    it blocks and returns. Raises VivariumError, `policy.denied` for a service that was not granted.
    """

    __slots__ = ("_name", "_turn")

    def __init__(self, turn, name):
        self._turn = turn
        self._name = name

    def __getattr__(self, part):
        if part.startswith("__"):
            raise AttributeError(part)
        return self[part]

    def __getitem__(self, part):
        return Service(self._turn, f"{self._name}.{part}" if self._name else part)

    def __call__(self, *value, **fields):
        if len(value) > 1 or (value and fields):
            raise TypeError(f"the service {self._name} takes one value, or keywords")
        return _call(self._turn, "services", self._name, fields if fields else value[0] if value else None)

    def __repr__(self):
        return f"<service {self._name}>" if self._name else f"<services {', '.join(_actor.services)}>"


class State:
    """What the actor keeps between messages, whatever becomes of its instances: values by key, at most 512 bytes of UTF-8 each.

        entry = context.state.get("visits")
        context.state.put("visits", 1 if entry is None else entry["value"] + 1)

    In a coroutine a call is awaited; in a plain function it blocks and returns. `if_` is the version that the entry must
    have, or None if there must be none; where that is not so, nothing changes and the answer is `{"conflict": True}`.
    Raises VivariumError: policy.denied, limit.quota, limit.message.
    """

    __slots__ = ("_turn",)

    def __init__(self, turn):
        self._turn = turn

    def get(self, key):
        """`{"value", "version"}`, or None if there is nothing under this key."""
        answer = _call(self._turn, "state", "get", {"key": key})
        return _entry_later(answer) if hasattr(answer, "__await__") else _entry(answer)

    def put(self, key, value, *, if_=_any):
        """`{"version"}`."""
        lane, text = _actor.encode(value)
        return self._change("put", {"key": key, "value": text if lane == text_lane else text.encode("latin-1")}, if_)

    def delete(self, key, *, if_=_any):
        """`{"deleted"}`: whether there was anything."""
        return self._change("delete", {"key": key}, if_)

    def list(self, *, prefix="", after="", most=100):
        """`{"entries", "more"}`: at most 1,000 keys with their versions, in the order of their UTF-8; `more` if there are others after them."""
        return _call(self._turn, "state", "list", {"prefix": prefix, "after": after, "most": most})

    def _change(self, operation, request, expected):
        return _call(self._turn, "state", operation, request if expected is _any else request | {"if": expected})


def _entry(answer):
    if answer is None:
        return None
    stored = answer["value"]
    lane, text = (text_lane, stored) if type(stored) is str else (binary_lane, stored.decode("latin-1"))
    return {"value": _actor.decode(lane, text), "version": answer["version"]}


async def _entry_later(answer):
    return _entry(await answer)


class _Room:
    """What `emit` gives: awaiting it waits until the receivers have room for more."""

    __slots__ = ()

    def __await__(self):
        if _actor.loop.blocking or host.room(token := _actor.token()):
            return
        yield from _actor.wait(token)


_room = _Room()


class Context:
    """What a handler knows and may do. Handlers that take one parameter are called without it."""

    __slots__ = ("_cancelled", "_turn")

    config = None
    """What the manifest says under `config`."""
    env = MappingProxyType({})
    """The environment that the policy grants; also in `os.environ`."""
    secrets = MappingProxyType({})
    """Placeholders of the secrets that the policy grants, by name.

    Put into the header that the rule names, in a request to the origin that it names, the host replaces it by the value; anywhere
    else it is worthless.
    """
    log = Log()

    def __init__(self, turn):
        self._turn = turn

    @property
    def signal(self):
        return Signal(self)

    @property
    def execution(self):
        """The Execution of the turn; None in `start` and `stop`."""
        if self._turn == 0:
            return None
        text = host.execution(self._turn)
        if text is None:
            raise _ended()
        told = loads(text)
        deadline = None if told["deadline"] == 0 else _epoch + timedelta(milliseconds=told["deadline"])
        return Execution(told["id"], tuple(told["parents"]), told["attempt"], deadline, told["trace"] or None)

    @property
    def services(self):
        return Service(self._turn, "")

    @property
    def state(self):
        return State(self._turn)

    def emit(self, outlet, value):
        """Sends a message to an outlet. In a coroutine, await the result to wait until the receivers have room for more.

        Raises VivariumError: actor.outlet, limit.outbound, limit.message, actor.turn-ended.
        """
        number = _actor.outlets.get(outlet)
        if number is None:
            message = f"this actor has no outlet `{outlet}`; it has {', '.join(_actor.outlets)}"
            raise _refusal("actor.outlet", message, "a connection or an output of the manifest makes an outlet")
        _check(host.emit(self._turn, number, *_actor.encode(value)))
        return _room

    def ask(self, actor, value=None):
        """Asks an actor that a connection leads to; gives what its handler returns.

        In a coroutine the call is awaited; in a plain function it blocks and returns.
        Raises VivariumError: actor.unknown, or the error of the actor that was asked.
        """
        if actor not in _actor.peers:
            message = f"no connection leads from this actor to `{actor}`"
            raise _refusal("actor.unknown", message, f"connections: [{_actor.name} -> {actor}]")
        return _request(host.ask, host.ask_now, self._turn, None, actor, value)


def _ended():
    return _refusal("actor.turn-ended", "the turn of this context has ended: nothing can be asked through it any more")


_turn_of_task = contextvars.ContextVar("turn", default=-1)
"""The turn that a coroutine belongs to, and all that it begins; 0 for `start` and `stop`, -1 where the bootstrap knows better."""


def _current_turn():
    """The turn whose code runs, for calls that are made without a context."""
    if _actor.loop.blocking or asyncio.current_task(_actor.loop) is None:
        return -1
    return _turn_of_task.get()


def _call(turn, capability, operation, value):
    """A call of a capability: gives its result, or in a coroutine what is to be awaited for it."""
    return _request(host.call, host.call_now, turn, capability, operation, value)


def _call_now(turn, capability, operation, value):
    """A call of a capability that blocks wherever it is made: in a coroutine the whole event loop."""
    return _request_now(host.call_now, turn, capability, operation, value)


def _request(later, now, turn, capability, name, value):
    if _actor.loop.blocking:
        return _actor.loop.completed(_request_now(now, turn, capability, name, value))
    if asyncio.current_task(_actor.loop) is None:
        return _request_now(now, turn, capability, name, value)
    lane, text = _actor.encode(value)
    token = _actor.token()
    _check(later(token, turn, capability, name, lane, text, _actor.loop.in_background()))
    return _actor.wait(token)


def _request_now(now, turn, capability, name, value):
    reply = now(turn, capability, name, *_actor.encode(value))
    if reply[0] == "!":
        _check(reply[1:])
    return _actor.decode(int(reply[0]), reply[1:])


class _Actor:
    """What is the same for all turns of an instance; set by `vivarium.actor` when it starts."""

    def __init__(self):
        self.name = ""
        self.outlets = {}
        self.peers = frozenset()
        self.services = ()
        self._use(codec(default_budget))
        # Bytes that one message may have.
        self.message = default_budget[0]
        self.loop = None
        # Futures that wait for a reply or for room, by token, and whether they may outlive turns.
        self._waiting = {}
        self._tokens = 0

    def describe(self, settings, loop):
        self.name = settings["actor"]
        self.outlets = {name: number for number, name in enumerate(settings["outlets"])}
        self.peers = frozenset(settings["peers"])
        self.services = tuple(settings["services"])
        self.message = settings["message"]
        self._use(codec(Budget(settings["message"], *default_budget[1:])))
        self.loop = loop
        Context.config = settings["config"]
        Context.env = MappingProxyType(settings["environment"])
        Context.secrets = MappingProxyType(settings["secrets"])

    def _use(self, codec):
        self.codec = codec
        self.encode, self.decode = codec.encode, codec.decode

    def token(self):
        self._tokens += 1
        return self._tokens

    def wait(self, token):
        waiting = self.loop.create_future()
        self._waiting[token] = (waiting, self.loop.in_background())
        return waiting

    def wake(self, token):
        """The future that waits; None if nobody does any more."""
        waiting, _ = self._waiting.pop(token, (None, False))
        return None if waiting is None or waiting.done() else waiting

    def drop_foreground(self):
        self._waiting = {token: entry for token, entry in self._waiting.items() if entry[1]}


_actor = _Actor()
