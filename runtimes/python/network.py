"""HTTP by the host's broker: what `http.client`, `urllib.request` and `pyodide.http` do here in place of sockets and `fetch`.

A request is one call of the host, which asks the policy, connects, and follows redirects if it is to. Its body and that of the
response go in pieces. The same code serves functions, which block, and coroutines, which wait: see `now`.
"""

import asyncio
import errno
import itertools
import socket

from vivarium import VivariumError, _actor, _call, _call_now, _current_turn

_words = 1024
"""What is left of a message for everything but the piece of a body in it."""
_largest_piece = 512 * 1024

_tags = itertools.count(1)

_dropped = []
"""Responses that nobody holds any more and nobody closed. They are closed with the next request: a finaliser calls no host."""

_errors = {
    "ECONNREFUSED": lambda text: ConnectionRefusedError(errno.ECONNREFUSED, text),
    "ECONNRESET": lambda text: ConnectionResetError(errno.ECONNRESET, text),
    "ETIMEDOUT": lambda text: TimeoutError(errno.ETIMEDOUT, text),
    "ENOTFOUND": lambda text: socket.gaierror(socket.EAI_NONAME, text),
    "EINVAL": lambda text: OSError(errno.EINVAL, text),
}


def as_system_error(error):
    """What failed on the way, as the exception that sockets would have raised. Anything else stays what it is."""
    if error.code != "network.failed":
        return error
    make = _errors.get((error._record or {}).get("name"), lambda text: OSError(errno.EPROTO, text))
    return make(str(error))


class _Done:
    """A result that is there: awaiting it does not wait."""

    __slots__ = ("_value",)

    def __init__(self, value):
        self._value = value

    def __await__(self):
        return self._value
        yield


class Blocking:
    """Calls the host and waits for it, whatever else the event loop has to do."""

    def call(self, operation, value):
        try:
            return _Done(_call_now(_current_turn(), "network", operation, value))
        except VivariumError as error:
            raise as_system_error(error) from None


class Waiting:
    """Calls the host and lets others run meanwhile. A request is cancelled with the task that waits for it."""

    async def call(self, operation, value):
        turn = _current_turn()
        tag = next(_tags) if operation == "request" else None
        try:
            return await _call(turn, "network", operation, value if tag is None else value | {"tag": tag})
        except VivariumError as error:
            raise as_system_error(error) from None
        except asyncio.CancelledError:
            if tag is not None:
                _call_now(turn, "network", "cancel", {"tag": tag})
            raise


def now(coroutine):
    """Runs what only ever awaits results that are there."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise RuntimeError("it waits for something")


class Response:
    """The head of a response, and its body as it is read."""

    _handle = None

    def __init__(self, answer):
        self.status = answer["status"]
        self.status_text = answer["statusText"]
        self.url = answer["url"]
        self.redirected = answer["redirected"]
        self.headers = [(name, value) for name, value in answer["headers"]]
        self.rest = answer["body"] or b""
        self._handle = answer["response"]

    @property
    def is_whole(self):
        """Nothing more will come than `rest`."""
        return self._handle is None

    async def read(self, by, most=_largest_piece):
        """The next bytes; empty at the end."""
        if self.rest:
            piece, self.rest = self.rest[:most], self.rest[most:]
            return piece
        if self._handle is None:
            return b""
        piece = await by.call("read", {"response": self._handle, "length": min(most, _piece())})
        if piece is None:
            self._handle = None
        return piece or b""

    async def read_all(self, by):
        pieces = []
        while piece := await self.read(by):
            pieces.append(piece)
        return b"".join(pieces)

    async def close(self, by):
        handle, self._handle = self._handle, None
        if handle is not None:
            await by.call("close", {"handle": handle})

    def __del__(self):
        if self._handle is not None:
            _dropped.append(self._handle)


async def request(by, method, url, headers=(), body=None, redirect="follow"):
    """Raises PolicyDenied, VivariumError with `limit.network`, or the OSError of what failed."""
    while _dropped:
        await by.call("close", {"handle": _dropped.pop()})
    asked = {"method": method, "url": url, "headers": [[name, value] for name, value in headers], "redirect": redirect}
    if body is None or len(body) <= _piece():
        return Response(await by.call("request", asked | {"body": None if body is None else bytes(body)}))
    upload = (await by.call("request", asked | {"body": None, "streaming": True}))["upload"]
    with memoryview(body) as whole:
        for start in range(0, len(whole), _piece()):
            await by.call("send", {"upload": upload, "data": bytes(whole[start : start + _piece()])})
    return Response(await by.call("finish", {"upload": upload}))


def _piece():
    """The headers of a request travel with the first one."""
    return max(1, min(_largest_piece, _actor.message // 2 - _words))


def _no_sockets(*_, **__):
    raise OSError(errno.EOPNOTSUPP, "an actor has no sockets of its own: urllib.request, http.client and pyodide.http.pyfetch reach what its policy allows")


def install():
    for name in ("connect", "connect_ex", "bind", "listen"):
        setattr(socket.socket, name, _no_sockets)
    for name in ("create_connection", "create_server", "getaddrinfo", "gethostbyname", "gethostbyname_ex"):
        setattr(socket, name, _no_sockets)
