"""The event loop of an actor. The bootstrap drives it: it has no thread of its own and never blocks for others.

What is ready runs in a microtask of the door that made it ready; delays are timers of the cell. `start` runs in a context in
which `background` is set, and so does all that it begins: that lives until the actor stops. All else ends with its turn.
"""

import asyncio
import contextvars
import logging
import sys
import time
from collections import deque
from json import loads

from vivarium import VivariumError, host

background = contextvars.ContextVar("background", default=False)

_longest_delay = 2**31 - 1


class _Timer(asyncio.TimerHandle):
    """A timer, with the number by which the cell knows it; 0 if it never fires."""

    __slots__ = ("token",)


class Loop(asyncio.AbstractEventLoop):
    def __init__(self):
        self._ready = deque()
        self._stirred = False
        self._timers = {}
        self._next_timer = 0
        self._exception_handler = None
        self._task_factory = None
        # How many calls of `run_until_complete` wait in a plain function: calls to the host block meanwhile.
        self.blocking = 0

    # What is the same as everywhere.

    def time(self):
        return time.monotonic()

    def is_running(self):
        return True

    def is_closed(self):
        return False

    def get_debug(self):
        return False

    def set_debug(self, enabled):
        pass

    def get_task_factory(self):
        return self._task_factory

    def set_task_factory(self, factory):
        self._task_factory = factory

    def create_future(self):
        return asyncio.Future(loop=self)

    def create_task(self, coroutine, **options):
        if self._task_factory is not None:
            return self._task_factory(self, coroutine, **options)
        return asyncio.Task(coroutine, loop=self, **options)

    def completed(self, value):
        future = self.create_future()
        future.set_result(value)
        return future

    def run_in_executor(self, executor, function, *values):
        """There are no threads: it runs at once."""
        future = self.create_future()
        try:
            future.set_result(function(*values))
        except Exception as error:
            future.set_exception(error)
        return future

    def set_default_executor(self, executor):
        pass

    async def shutdown_asyncgens(self):
        pass

    async def shutdown_default_executor(self, timeout=None):
        pass

    # What becomes ready.

    def in_background(self):
        return background.get()

    def call_soon(self, callback, *values, context=None):
        handle = asyncio.Handle(callback, values, self, context)
        self._ready.append(handle)
        if not self._stirred:
            self._stirred = True
            host.stir()
        return handle

    call_soon_threadsafe = call_soon

    def run_ready(self):
        """Runs what is ready now. True if that made more ready."""
        for _ in range(len(self._ready)):
            self._run(self._ready.popleft())
        self._stirred = bool(self._ready)
        return self._stirred

    def _run(self, handle):
        if handle.cancelled():
            return
        try:
            handle._run()
        except BaseException as error:
            # SystemExit and KeyboardInterrupt: a task holds them too, and whoever waits for it hears of them.
            if not isinstance(getattr(handle._callback, "__self__", None), asyncio.Task):
                self.call_exception_handler({"message": f"{type(error).__name__} in a callback", "exception": error})

    # Timers.

    def call_later(self, delay, callback, *values, context=None):
        return self.call_at(self.time() + delay, callback, *values, context=context)

    def call_at(self, when, callback, *values, context=None):
        handle = _Timer(when, callback, values, self, context)
        handle.token = 0
        if when == float("inf"):
            return handle
        self._next_timer += 1
        token = handle.token = self._next_timer
        delay = min(max(0, (when - self.time()) * 1000), _longest_delay)
        refused = host.timer(token, delay, handle._context.get(background, False))
        if refused is not None:
            raise VivariumError._of_host(loads(refused))
        self._timers[token] = handle
        return handle

    def _timer_handle_cancelled(self, handle):
        if self._timers.pop(handle.token, None) is not None:
            host.untimer(handle.token)

    def fire(self, token):
        handle = self._timers.pop(token, None)
        if handle is not None:
            self._run(handle)

    # Blocking: `asyncio.run` in a plain function.

    def run_until_complete(self, awaitable):
        if asyncio.current_task(self) is not None:
            if asyncio.iscoroutine(awaitable):
                awaitable.close()
            raise RuntimeError("asyncio.run() cannot be called from a coroutine: await it")
        task = asyncio.ensure_future(awaitable, loop=self)
        self.blocking += 1
        try:
            while not task.done():
                if not self._ready:
                    self._sleep_until_next_timer()
                self.run_ready()
        finally:
            self.blocking -= 1
        return task.result()

    def _sleep_until_next_timer(self):
        if not self._timers:
            raise RuntimeError("nothing will ever wake what asyncio.run() waits for")
        token, handle = min(self._timers.items(), key=lambda entry: entry[1].when())
        host.sleep(max(0, (handle.when() - self.time()) * 1000))
        host.untimer(token)
        self.fire(token)

    def run_forever(self):
        raise RuntimeError("the event loop of an actor is driven by its turns")

    stop = close = run_forever

    # The end of turns.

    def drop_foreground(self):
        """No turn is open any more: what turns began ends here."""
        for token, handle in list(self._timers.items()):
            if not handle._context.get(background, False):
                del self._timers[token]
        for task in asyncio.all_tasks(self):
            if not task.get_context().get(background, False):
                task.cancel()

    # Errors that nobody waits for.

    def get_exception_handler(self):
        return self._exception_handler

    def set_exception_handler(self, handler):
        self._exception_handler = handler

    def default_exception_handler(self, context):
        error = context.get("exception")
        logging.getLogger("asyncio").error(context.get("message") or "an error in a callback", exc_info=error)

    def call_exception_handler(self, context):
        try:
            if self._exception_handler is None:
                self.default_exception_handler(context)
            else:
                self._exception_handler(self, context)
        except BaseException as error:
            host.log("error", f"the exception handler of the event loop failed: {type(error).__name__}")


class _Policy(asyncio.events._AbstractEventLoopPolicy):
    def get_event_loop(self):
        return loop

    def set_event_loop(self, other):
        pass

    def new_event_loop(self):
        return loop


def _run(main, *, debug=None, loop_factory=None):
    if not asyncio.iscoroutine(main):
        raise ValueError(f"a coroutine was expected, got {main!r}")
    return loop.run_until_complete(main)


def _sleep(seconds):
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    host.sleep(min(seconds * 1000, _longest_delay))


def _finish_generator(generator):
    loop.call_soon(lambda: loop.create_task(generator.aclose()))


loop = Loop()


def install():
    asyncio._set_running_loop(loop)
    asyncio.events._set_event_loop_policy(_Policy())
    asyncio.run = _run
    time.sleep = _sleep
    sys.set_asyncgen_hooks(firstiter=None, finalizer=_finish_generator)
