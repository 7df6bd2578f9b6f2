"""`http.client` and what is built on it, `urllib.request` and urllib3: the socket of a connection is the broker.

Nothing of `http.client` is replaced but how it connects. It writes a request and reads a response, both as HTTP/1.1; what it
writes is read here, performed by the host, and answered in the same notation.
"""

import io

from vivarium import VivariumError, network

_blocking = network.Blocking()

_of_the_connection = frozenset(["connection", "content-length", "keep-alive", "transfer-encoding"])
"""Headers that say how the message travels. The host writes its own."""


class Wire:
    """In the place of a socket that is connected to one origin. Each response ends it."""

    def __init__(self, scheme, host, port):
        self._origin = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
        self._names = {host.lower(), f"{host}:{port}".lower(), f"[{host}]".lower(), f"[{host}]:{port}".lower()}
        self._written = bytearray()

    def sendall(self, data):
        self._written += data

    def makefile(self, *_, **__):
        return io.BufferedReader(_Answer(self))

    def perform(self):
        """Sends what was written."""
        method, url, headers, body = self._request()
        return network.now(network.request(_blocking, method, url, headers, body, "manual"))

    def _request(self):
        head, _, rest = bytes(self._written).partition(b"\r\n\r\n")
        self._written.clear()
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = [(name, value.strip(" \t")) for name, _, value in (line.partition(":") for line in lines)]
        chunked = any(name.lower() == "transfer-encoding" and "chunked" in value.lower() for name, value in headers)
        body = _unchunked(rest) if chunked else rest
        url = target if "://" in target.partition("?")[0] else self._origin + target
        return method, url, [header for header in headers if not self._is_own(*header)], body or None

    def _is_own(self, name, value):
        return name.lower() in _of_the_connection or (name.lower() == "host" and value.lower() in self._names)

    def close(self):
        pass

    shutdown = setsockopt = settimeout = close_notify = lambda self, *_: None

    def gettimeout(self):
        return None


def _unchunked(rest):
    body = bytearray()
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        body += rest[:length]
        rest = rest[length + 2 :]
    return bytes(body)


class _Answer(io.RawIOBase):
    """A response in the notation of HTTP/1.1. The request is sent when it is first read; it ends with the body."""

    def __init__(self, wire):
        self._wire = wire
        self._response = None

    def _begin(self):
        response = self._response = self._wire.perform()
        lines = [f"HTTP/1.1 {response.status} {response.status_text}"]
        lines += [f"{name}: {value}" for name, value in response.headers if name.lower() not in _of_the_connection]
        lines += [f"content-length: {length}" for length in _length(response)]
        self._head = "".join(f"{_one_line(line)}\r\n" for line in [*lines, "connection: close", ""]).encode("latin-1", "replace")

    def readable(self):
        return True

    def readinto(self, target):
        if self._response is None:
            self._begin()
        piece, self._head = self._head[: len(target)], self._head[len(target) :]
        piece = piece or network.now(self._response.read(_blocking, len(target)))
        target[: len(piece)] = piece
        return len(piece)

    def close(self):
        if not self.closed and self._response is not None:
            network.now(self._response.close(_blocking))
        super().close()

    def __del__(self):
        """Nothing is called from here: see `network._dropped`."""


def _length(response):
    """What is here is measured; of what is still to come the server knows, if the host leaves it as it is."""
    if response.is_whole and response.rest:
        return [len(response.rest)]
    return [value for name, value in response.headers if name.lower() == "content-length"][:1]


def _one_line(text):
    return text.replace("\r", " ").replace("\n", " ")


def patch_client(client):
    client._MAXHEADERS = 256

    def connect(self):
        if self._tunnel_host:
            raise OSError("an actor reaches no proxy: the host connects by itself")
        self.sock = Wire("http", self.host, self.port)

    def connect_encrypted(self):
        connect(self)
        self.sock = Wire("https", self.host, self.port)

    def init_encrypted(self, host, port=None, *, context=None, **options):
        client.HTTPConnection.__init__(self, host, port, **options)
        self._context = context

    client.HTTPConnection.connect = connect
    client.HTTPSConnection.connect = connect_encrypted
    # The host trusts whom its operator trusts; a context says nothing here.
    client.HTTPSConnection.__init__ = init_encrypted
    client._create_https_context = lambda _: None


def patch_urllib3(connection):
    """urllib3 connects by itself, and then speaks by `http.client`."""

    def new_wire(scheme):
        def connect(self):
            self.sock = Wire(scheme, self.host, self.port)
            self.is_verified = scheme == "https"

        return connect

    connection.HTTPConnection.connect = new_wire("http")
    connection.HTTPSConnection.connect = new_wire("https")


def patch_pool(connectionpool):
    _name_denials(connectionpool.HTTPConnectionPool, "urlopen")


def patch_requests(adapters):
    _name_denials(adapters.HTTPAdapter, "send")
    # The host checks certificates, against authorities of its own.
    adapters.HTTPAdapter.cert_verify = lambda *_: None


def _name_denials(kind, method):
    """To these libraries a denial is one more connection that failed, and they give it a name of their own."""
    function = getattr(kind, method)

    def named(self, *values, **options):
        try:
            return function(self, *values, **options)
        except Exception as error:
            if (denied := _denial_in(error)) is not None:
                raise denied from None
            raise

    setattr(kind, method, named)


def _denial_in(error):
    for part in (error, error.__cause__, error.__context__, getattr(error, "reason", None), *error.args):
        if isinstance(part, VivariumError):
            return part
        if isinstance(part, Exception) and part is not error and (found := _denial_in(part)) is not None:
            return found
    return None


def keep_urllib3(emscripten):
    """On this platform urllib3 would speak by `XMLHttpRequest` and `fetch` of JavaScript instead."""
    emscripten.inject_into_urllib3 = lambda: None


def patch_urllib(request):
    do_open = request.AbstractHTTPHandler.do_open

    def open_and_name_failures(self, http_class, req, **options):
        try:
            return do_open(self, http_class, req, **options)
        except VivariumError:
            raise
        except request.URLError as error:
            if isinstance(error.reason, VivariumError):
                raise error.reason from None
            raise
        except OSError as error:
            raise request.URLError(error) from None

    request.AbstractHTTPHandler.do_open = open_and_name_failures
