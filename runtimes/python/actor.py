"""The actor in Python: loads the author's module, runs its handlers, and tells the bootstrap how each turn ended.

The bootstrap calls the functions below with numbers and strings. `deliver_many` is the hot path: one call for many messages,
which run ahead of the bootstrap; `deliver` runs one.
"""

import asyncio
import contextvars
import importlib.util
import inspect
import os
import random
import sys
from json import dumps, loads
from time import monotonic
from types import AsyncGeneratorType, CoroutineType, GeneratorType

from vivarium import Context, VivariumError, _actor, _check, _name_errors, _refusal, _turn_of_task, ahead, failure, host, imports, network, output
from vivarium import loop as loops
from vivarium.loop import background, loop
from vivarium.message import text_lane
from vivarium.message_text import write_json
from vivarium.quick import Unread, leave_unread, scalars

# What `deliver` gives when it is no payload: the turn goes on, or has been ended already.
open_turn = 1
ended_turn = 2

# After so long results are handed over, should the next handler never return.
_report_seconds = 0.002

# So many turns of a row may be told of one by one before it is given up, if they are half of it: then all of that was in vain.
_few_singles = 8

_values = frozenset([dict, list, str, int, float, bool, tuple, bytes])

_settings = {}
_handlers = []
_module = None
_encode = _decode = None
# What is under way for a turn that goes on: a task or a generator, and the context of the handler.
_open = {}


def install():
    """Once, before the memory snapshot is taken."""
    output.install()
    _name_errors()
    loops.install()
    network.install()
    imports.install()
    sys.dont_write_bytecode = True


def connect(settings, *functions):
    """The first call in every instance: what was the same for all in the snapshot becomes its own."""
    host.connect(*functions)
    _settings.update(loads(settings))
    _actor.describe(_settings, loop)
    global _encode, _decode
    _encode, _decode = _actor.encode, _actor.decode
    ahead.connect(_actor.codec, _fail)
    os.environ.clear()
    os.environ.update(_settings["environment"])
    random.seed()


def load(path):
    """Imports the author's module. JSON: `{"inlets": […]}` or `{"error": {…}}`."""
    global _module
    try:
        _module = _import(path)
        found = {inlet: _handler_of(inlet) for inlet in _settings["inlets"]}
        for name in ("start", "stop"):
            if not callable(getattr(_module, name, len)):
                raise _refusal("actor.start", f"`{name}` is reserved for a function")
        _handlers[:] = [handler or (_unserved(inlet), False) for inlet, handler in found.items()]
        return dumps({"inlets": [inlet for inlet, handler in found.items() if handler is not None]})
    except BaseException as error:
        code = "source.invalid" if failure.does_not_compile(error) else "actor.start"
        return f'{{"error":{failure.record(error, code)}}}'
    finally:
        output.flush()


def _import(path):
    folder = os.path.dirname(path)
    sys.path[:] = [folder, *filter(None, sys.path)]
    os.chdir(folder)
    name = os.path.basename(path).removesuffix(".py")
    specification = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(specification)
    # Its own files may import it, unless the standard library has that name.
    sys.modules.setdefault(name, module)
    specification.loader.exec_module(module)
    return module


def _handler_of(inlet):
    """The function that serves an inlet, and whether it wants the context. None if there is none."""
    named = _settings["functions"].get(inlet)
    name = named or ("handle" if inlet == "in" else inlet)
    function = getattr(_module, name, None) if named or name not in ("start", "stop") else None
    if function is None:
        if named is None:
            return None
        raise _refusal("actor.inlet", f"the inlet `{inlet}` is to be served by `{named}`, which the source does not define")
    if not callable(function):
        raise _refusal("actor.inlet", f"the handler of the inlet `{inlet}`, `{name}`, is no function")
    return function, _wants_context(function)


def _unserved(inlet):
    def refuse(message):
        raise _refusal("actor.inlet", f"this actor defines no handler for the inlet `{inlet}`")

    return refuse


def _wants_context(function):
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    places = [parameter for parameter in parameters if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)]
    return len(places) > 1 or any(parameter.kind == parameter.VAR_POSITIONAL for parameter in parameters)


def lifecycle(name):
    """Runs `start` or `stop`. None: it is over; a number: it goes on, and `host.finished` follows; a string: the error's record."""
    try:
        function = getattr(_module, name, None)
        if function is None:
            return None
        context = Context(0)
        # What `start` begins inherits this, and so outlives turns.
        scope = _background_scope()
        result = scope.run(function, *([context] if _takes_parameter(function) else []))
        if not inspect.isawaitable(result):
            return None
        task = scope.run(asyncio.ensure_future, result)
        task.add_done_callback(_finished)
        return open_turn
    except BaseException as error:
        return failure.record(error, "actor.start")
    finally:
        output.flush()


def _background_scope():
    scope = contextvars.copy_context()
    scope.run(background.set, True)
    scope.run(_turn_of_task.set, 0)
    return scope


def _takes_parameter(function):
    try:
        return len(inspect.signature(function).parameters) > 0
    except (TypeError, ValueError):
        return False


def _finished(task):
    error = asyncio.CancelledError("it was cancelled") if task.cancelled() else task.exception()
    output.flush()
    host.finished(None if error is None else failure.record(error, "actor.start"))


def deliver(turn, inlet, lane, text):
    """Runs the handler. Gives the payload of the text lane, None for nothing, or `open_turn` or `ended_turn`."""
    try:
        handler, wants_context = _handlers[inlet]
        message = _decode(lane, text)
        if wants_context:
            context = Context(turn)
            result = handler(message, context)
        else:
            context = None
            result = handler(message)
        if type(result) is CoroutineType:
            task = _begin(turn, result)
            if not task.done():
                _await(turn, task, context)
                return open_turn
            result = task.result()
        if result is None:
            return None
        if type(result) not in _values and _goes_on(turn, result, context):
            return open_turn
        lane, text = _encode(result)
        if lane == text_lane:
            return text
        host.settle(turn, lane, text)
        return ended_turn
    except BaseException as error:
        return _fail(turn, error)
    finally:
        if output.output.rest or output.errors.rest:
            output.flush()


def deliver_many(first, inlet, count, size, milliseconds, places, texts):
    """Runs the handler for messages that follow each other in `texts`: for so long, until so many of them are open, and while it is of use.

    Gives the results that are still to be handed over, see `vivarium.ahead`. None if no message has begun.
    """
    if len(texts) != size:
        # Something in them takes two units in JavaScript, so their lengths say nothing here.
        return None
    handler, wants_context = _handlers[inlet]
    codec = _actor.codec
    write, few, most = codec.write, codec.few, codec.most
    clear = codec.are_clear(texts)
    read_many = codec.read_many if clear else leave_unread
    results, known = ahead.results, ahead.known
    now = monotonic()
    end = now + milliseconds / 1000
    next_report = min(now + _report_seconds, end)
    context = None
    singles = 0
    for turn, message in enumerate(read_many(texts, ahead.enter(first, count)), first):
        now = monotonic()
        if now >= next_report and not known:
            if now >= end:
                break
            ahead.hand_over()
            next_report = min(now + _report_seconds, end)
        try:
            if type(message) is Unread:
                message = codec.read(message) if clear else _decode(text_lane, message)
            if wants_context:
                context = Context(turn)
                result = handler(message, context)
            else:
                result = handler(message)
            if type(result) is dict and len(result) <= few:
                # What most handlers give is written here: a call would cost half as much again.
                for key in result:
                    if type(key) is not str or type(result[key]) not in scalars:
                        answer = write(result)
                        break
                else:
                    try:
                        (answer,) = write_json(result, 0)
                        if len(answer) > most:
                            answer = None
                    except ValueError:
                        answer = None
            else:
                if type(result) is CoroutineType:
                    task = _begin(turn, result)
                    result = task.result() if task.done() else task
                answer = "" if result is None else write(result)
            if answer is not None and not known:
                results.append(answer)
                continue
            singles += 1
            places -= _goes_on_ahead(turn, result, context)
            ahead.proceed()
            if places == 0 or singles > _few_singles and 2 * singles > turn - first:
                break
        except BaseException as error:
            _fail_ahead(turn, error)
            ahead.proceed()
    return ahead.leave()


def _goes_on_ahead(turn, result, context):
    """Ends a turn whose result is not handed over with those of others. Whether it goes on."""
    output.flush()
    ahead.keep_up()
    if isinstance(result, asyncio.Task) and not result.done():
        _await(turn, result, context)
    elif result is None:
        host.settle_with_nothing(turn)
        return False
    elif type(result) in _values or not _goes_on(turn, result, context):
        host.settle(turn, *_encode(result))
        return False
    return True


def _fail_ahead(turn, error):
    try:
        output.flush()
    finally:
        _fail(turn, error)


def _fail(turn, error):
    _open.pop(turn, None)
    host.fail(turn, failure.record(error))
    return ended_turn


def _goes_on(turn, result, context):
    """Whether a handler's result is something that runs on: then it does from here."""
    if isinstance(result, CoroutineType):
        task = _begin(turn, result)
    elif isinstance(result, GeneratorType):
        _open[turn] = (result, context)
        _pull(turn, result, True)
        return True
    elif isinstance(result, AsyncGeneratorType):
        task = _begin(turn, _pull_async(turn, result))
    elif hasattr(type(result), "__await__"):
        task = asyncio.ensure_future(result, loop=loop)
    else:
        return False
    if task.done():
        _conclude(turn, context, task)
    else:
        _await(turn, task, context)
    return True


def _begin(turn, coroutine):
    """A task whose calls to the host belong to the turn, and so do those of tasks that it begins."""
    _turn_of_task.set(turn)
    try:
        return asyncio.Task(coroutine, loop=loop, eager_start=True)
    finally:
        _turn_of_task.set(-1)


def _await(turn, task, context):
    _open[turn] = (task, context)
    task.add_done_callback(lambda task: _conclude(turn, context, task))


def _conclude(turn, context, task):
    """A handler's task is done."""
    _open.pop(turn, None)
    try:
        result = task.result()
        if result is None:
            host.settle_with_nothing(turn)
        elif type(result) in _values or not _goes_on(turn, result, context):
            host.settle(turn, *_encode(result))
    except BaseException as error:
        _fail(turn, error)
    finally:
        output.flush()


def _send(turn, value, first):
    """One yield. The first also answers whoever asked."""
    lane, text = _encode(value)
    _check(host.answer(turn, lane, text) if first else host.emit(turn, 0, lane, text))


def _pull(turn, generator, first):
    """Takes yields while the receivers have room; goes on when they have again."""
    try:
        while turn in _open:
            value = next(generator, _end)
            if value is _end:
                del _open[turn]
                host.settle_with_nothing(turn)
                return
            if value is not None:
                _send(turn, value, first)
                first = False
            if not host.room(token := _actor.token()):
                _actor.wait(token).add_done_callback(lambda _: _pull(turn, generator, first))
                return
        generator.close()
    except BaseException as error:
        _fail(turn, error)
    finally:
        output.flush()


_end = object()


async def _pull_async(turn, generator):
    first = True
    try:
        async for value in generator:
            if value is None:
                continue
            _send(turn, value, first)
            first = False
            if not host.room(token := _actor.token()):
                await _actor.wait(token)
    finally:
        await generator.aclose()


def reply(token, error, lane, text):
    """The result of a call; `error` is a record, or empty."""
    waiting = _actor.wake(token)
    if waiting is None:
        return
    try:
        if error:
            raise VivariumError._of_host(loads(error))
        waiting.set_result(_decode(lane, text))
    except Exception as refused:
        waiting.set_exception(refused)


def room(token):
    waiting = _actor.wake(token)
    if waiting is not None:
        waiting.set_result(None)


def cancel(turn):
    """The turn has ended from outside: its code hears of it."""
    running, context = _open.pop(turn, (None, None))
    if context is not None:
        context._cancelled = True
    if isinstance(running, GeneratorType):
        if not running.gi_running:
            running.close()
    elif running is not None:
        running.cancel()


def idle():
    """No turn is open any more."""
    _open.clear()
    _actor.drop_foreground()
    loop.drop_foreground()


def place():
    return ahead.place()


def run_ready():
    return loop.run_ready()


def fire(token):
    loop.fire(token)
