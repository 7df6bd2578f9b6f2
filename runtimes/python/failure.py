"""What an author reads when an actor fails: the error, the place, and the traceback through the author's own files."""

import traceback
from json import dumps

from vivarium import VivariumError
from vivarium.message import MessageUnsupported

folder = "/actor/"
"""Where the author's files lie. Authors know them without it."""

_message_characters = 8 * 1024 - 64
_hint_characters = 1024


def record(error, code="actor.failed"):
    """The record of an error as JSON. Runs code of the author (`__str__`), so it never trusts what comes back; never raises an Exception."""
    try:
        return dumps(_describe(error, code))
    except Exception as second:
        return dumps({"code": code, "name": type(error).__name__[:200], "message": f"an error that cannot be shown: {type(second).__name__[:200]}"})


def _describe(error, code):
    told = {"code": code, "name": type(error).__name__[:200], "message": _text_of(error)}
    if isinstance(error, MemoryError):
        told |= {"code": "limit.memory", "message": told["message"] or "the interpreter got no more memory", "hint": "limits: { memory: … }"}
    elif isinstance(error, VivariumError) and error._record is not None:
        told |= {key: error._record[key] for key in ("code", "hint") if key in error._record}
    elif isinstance(error, MessageUnsupported):
        told |= {"code": error.code} if error.hint is None else {"code": error.code, "hint": error.hint[:_hint_characters]}
    told["message"] = told["message"] or told["name"]
    return told | _trace(error)


def does_not_compile(error):
    """Whether it is about the grammar of one of the author's own files."""
    return isinstance(error, SyntaxError) and isinstance(error.filename, str) and error.filename.startswith(folder)


def _text_of(error):
    try:
        return str(error)[:_message_characters]
    except Exception as second:
        return f"its text cannot be shown: {type(second).__name__[:200]}"


def _trace(error):
    shown = traceback.TracebackException.from_exception(error)
    _trim(shown)
    place = {}
    if shown.stack:
        frame = shown.stack[-1]
        place = {"file": frame.filename, "line": frame.lineno} | ({} if frame.colno is None else {"column": frame.colno + 1})
    if does_not_compile(error) and error.lineno is not None:
        shown.filename = error.filename.removeprefix(folder)
        place = {"file": shown.filename, "line": error.lineno} | ({"column": error.offset} if error.offset else {})
    text = "".join(shown.format()).rstrip("\n")
    return place | {"stack": text if len(text) <= _message_characters else "…" + text[1 - _message_characters :]}


def _trim(shown, seen=()):
    """Leaves the frames of the author's files, in the error, in its causes and in the errors of a group."""
    if shown is None or shown in seen:
        return
    seen = (*seen, shown)
    frames = [frame for frame in shown.stack or () if frame.filename.startswith(folder)]
    for frame in frames:
        frame.line  # is read from the file, by the name that the file has here
        frame.filename = frame.filename.removeprefix(folder)
    if frames:
        shown.stack[:] = frames
    else:
        shown.stack = None
    _trim(shown.__cause__, seen)
    _trim(shown.__context__, seen)
    for error in shown.exceptions or ():
        _trim(error, seen)
