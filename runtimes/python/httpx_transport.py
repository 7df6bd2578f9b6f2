"""httpx: what its transports send goes by the broker. Pools, proxies and contexts of TLS say nothing here."""

from vivarium import VivariumError, network

_blocking = network.Blocking()
_waiting = network.Waiting()

_of_the_connection = frozenset(["connection", "content-length", "host", "transfer-encoding"])
"""Headers that say how the message travels. The host writes its own."""


class _Body:
    """The body of a response, read as it comes."""

    def __init__(self, response):
        self._response = response


def patch_httpx(default):
    class Blocked(_Body, default.SyncByteStream):
        def __iter__(self):
            while piece := network.now(_named(default, self._response.read(_blocking))):
                yield piece

        def close(self):
            network.now(self._response.close(_blocking))

    class Waited(_Body, default.AsyncByteStream):
        async def __aiter__(self):
            while piece := await _named(default, self._response.read(_waiting)):
                yield piece

        async def aclose(self):
            await self._response.close(_waiting)

    def answer(request, response, body):
        extensions = {"http_version": b"HTTP/1.1", "reason_phrase": response.status_text.encode("latin-1", "replace")}
        return default.Response(response.status, headers=response.headers, stream=body(response), extensions=extensions, request=request)

    def handle(self, request):
        body = b"".join(request.stream)
        return answer(request, network.now(_named(default, _send(_blocking, request, body))), Blocked)

    async def handle_later(self, request):
        body = b"".join([part async for part in request.stream])
        return answer(request, await _named(default, _send(_waiting, request, body)), Waited)

    async def later(*_):
        return None

    def itself(self):
        return self

    async def itself_later(self):
        return self

    _replace(default.HTTPTransport, handle_request=handle, close=lambda self: None, __enter__=itself, __exit__=lambda *_: None)
    _replace(default.AsyncHTTPTransport, handle_async_request=handle_later, aclose=later, __aenter__=itself_later, __aexit__=later)


def _replace(transport, **functions):
    transport.__init__ = lambda self, *_, **__: None
    for name, function in functions.items():
        setattr(transport, name, function)


def _send(by, request, body):
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]
    own = [(name, value) for name, value in headers if name.lower() not in _of_the_connection]
    return network.request(by, request.method, str(request.url), own, body or None, "manual")


async def _named(httpx, work):
    """What fails on the way, by httpx's own names; what is refused, by ours."""
    try:
        return await work
    except VivariumError:
        raise
    except TimeoutError as error:
        raise httpx.ConnectTimeout(str(error)) from None
    except OSError as error:
        raise httpx.ConnectError(str(error)) from None
