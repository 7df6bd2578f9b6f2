"""What is changed in modules of others, at the moment an actor first imports them: whoever does not import them pays nothing."""

import importlib.util
import sys

from vivarium import fetch, http_client, httpx_transport

_changes = {
    "http.client": http_client.patch_client,
    "urllib.request": http_client.patch_urllib,
    "urllib3.connection": http_client.patch_urllib3,
    "urllib3.connectionpool": http_client.patch_pool,
    "requests.adapters": http_client.patch_requests,
    "urllib3.contrib.emscripten": http_client.keep_urllib3,
    "httpx._transports.default": httpx_transport.patch_httpx,
    "pyodide.http": fetch.patch_pyodide,
}


class _Changing:
    """The loader of a module, which changes the module once it has run."""

    def __init__(self, loader, change):
        self._loader = loader
        self._change = change

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        self._loader.exec_module(module)
        self._change(module)


class _Finder:
    """Finds what the other finders find."""

    def __init__(self):
        self._finding = set()

    def find_spec(self, name, path=None, target=None):
        if name not in _changes or name in self._finding:
            return None
        self._finding.add(name)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._finding.discard(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _Changing(spec.loader, _changes[name])
        return spec

    def invalidate_caches(self):
        """There are none."""


def install():
    for name, change in _changes.items():
        if name in sys.modules:
            change(sys.modules[name])
    sys.meta_path.insert(0, _Finder())
