"""`pyodide.http`: `pyfetch` and the functions that block, with Pyodide's own names and results."""

import asyncio
import builtins
import json
import os
from urllib.parse import urlsplit

from vivarium import network

_waiting = network.Waiting()
_blocking = network.Blocking()

_exceptions = None
_Aborted = None

_without_meaning = frozenset(["cache", "credentials", "keepalive", "mode", "priority", "referrer", "referrerPolicy"])
"""Options of a browser's fetch that say nothing about a request of an actor."""


def _pairs(headers):
    if headers is None:
        return []
    return [(str(name), str(value)) for name, value in (headers.items() if hasattr(headers, "items") else headers)]


def _bytes_of(body):
    return body.encode() if isinstance(body, str) else None if body is None else memoryview(body).cast("B")


class _Body:
    """What a response and its clones read."""

    def __init__(self, response):
        self.response = response
        self.data = None

        self._turn = asyncio.Lock()

    async def read(self):
        async with self._turn:
            if self.data is None:
                self.data = await self.response.read_all(_waiting)
        return self.data


class FetchResponse:
    """The response of `pyfetch`. Its body can be read once, and once for each clone."""

    def __init__(self, url, body):
        self._url = url
        self._body = body
        self._response = body.response
        self._aborted = False
        self.body_used = False

    @property
    def headers(self):
        joined = {}
        for name, value in self._response.headers:
            joined[name] = f"{joined[name]}, {value}" if name in joined else value
        return joined

    @property
    def ok(self):
        return 200 <= self.status < 300

    @property
    def redirected(self):
        return self._response.redirected

    @property
    def status(self):
        return self._response.status

    @property
    def status_text(self):
        return self._response.status_text

    @property
    def type(self):
        return "basic"

    @property
    def url(self):
        return self._response.url

    def raise_for_status(self):
        if 400 <= self.status < 600:
            raise _exceptions.HttpStatusError(self.status, self.status_text, self.url)

    def _raise_if_failed(self):
        if self._aborted:
            raise _Aborted("the response was aborted")
        if self.body_used:
            raise _exceptions.BodyUsedError

    def clone(self):
        self._raise_if_failed()
        return FetchResponse(self._url, self._body)

    async def bytes(self):
        self._raise_if_failed()
        self.body_used = True
        return await self._body.read()

    async def memoryview(self):
        return builtins.memoryview(await self.bytes())

    async def buffer(self):
        from pyodide.ffi import to_js

        return to_js(await self.bytes()).buffer

    async def text(self):
        return (await self.bytes()).decode("utf-8", "replace").removeprefix("\ufeff")

    string = text

    async def json(self, **options):
        return json.loads(await self.text(), **options)

    async def unpack_archive(self, *, extract_dir=None, format=None):
        import shutil
        import tempfile

        data = await self.bytes()
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, os.path.basename(urlsplit(self._url).path) or "archive")
            with open(path, "wb") as file:
                file.write(data)
            shutil.unpack_archive(path, extract_dir, format)

    def abort(self, reason=None):
        self._aborted = True
        network.now(self._response.close(_blocking))


async def pyfetch(request, /, *, signal=None, fetcher=None, method="GET", headers=None, body=None, redirect="follow", **options):
    """Fetches a URL.

    Takes the options `method`, `headers`, `body` and `redirect` of fetch. To abort it, cancel the task that awaits it.
    Raises vivarium.PolicyDenied, or the OSError of what failed.
    """
    if not isinstance(request, str):
        raise TypeError(f"pyfetch takes a URL, not {type(request).__name__}")
    if signal is not None or fetcher is not None:
        raise TypeError("pyfetch takes no `signal` and no `fetcher` here: cancel the task that awaits it")
    if unknown := options.keys() - _without_meaning:
        raise TypeError(f"pyfetch has no option {', '.join(sorted(unknown))}")
    response = await network.request(_waiting, method.upper(), request, _pairs(headers), _bytes_of(body), redirect)
    return FetchResponse(request, _Body(response))


class XMLHttpRequest:
    """As much of a browser's as `open_url` and `pyodide.http.pyxhr` use: synchronous."""

    responseType = ""
    timeout = 0
    status = 0
    statusText = ""
    withCredentials = False

    @classmethod
    def new(cls):
        return cls()

    def open(self, method, url, asynchronous=True, *_):
        if asynchronous:
            raise TypeError("this XMLHttpRequest is synchronous: use pyfetch")
        self._method, self._url, self._headers = method, url, []

    def setRequestHeader(self, name, value):
        self._headers.append((name, value))

    def overrideMimeType(self, _):
        pass

    def send(self, body=None):
        response = network.now(network.request(_blocking, self._method.upper(), self._url, self._headers, _bytes_of(body)))
        self._data = network.now(response.read_all(_blocking))
        self.status, self.statusText, self.responseURL = response.status, response.status_text, response.url
        self._received = response.headers

    @property
    def response(self):
        return self._data if self.responseType == "arraybuffer" else self.responseText

    @property
    def responseText(self):
        return self._data.decode("utf-8", "replace").removeprefix("\ufeff")

    def getAllResponseHeaders(self):
        return "".join(f"{name}: {value}\r\n" for name, value in self._received)


def patch_pyodide(http):
    from pyodide.http import _exceptions as exceptions
    from pyodide.http import _pyfetch, pyxhr

    global _exceptions, _Aborted
    _exceptions = exceptions

    class Aborted(exceptions.AbortError):
        def __init__(self, message):
            OSError.__init__(self, message)

    _Aborted = Aborted
    for module in (http, _pyfetch):
        module.pyfetch = pyfetch
        module.FetchResponse = FetchResponse
    for module in (http, pyxhr):
        module.XMLHttpRequest = XMLHttpRequest
