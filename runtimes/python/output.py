"""`print`, the standard streams and `logging`: what they write becomes log lines of the actor."""

import io
import logging
import sys

from vivarium import ahead, host

_line_characters = 8192


class Lines(io.TextIOBase):
    """A stream whose lines are log lines. What has no end of line yet waits for it, for `flush`, or for the end of the turn."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, level):
        super().__init__()
        self._level = level
        self.rest = ""

    def writable(self):
        return True

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if "\n" not in text and len(self.rest) + len(text) < _line_characters:
            # What waits is told with the turn that wrote it, so that one must not go unheard.
            ahead.keep_up()
            self.rest += text
            return len(text)
        *lines, self.rest = (self.rest + text).split("\n")
        for line in lines:
            host.log(self._level, line[:_line_characters])
        if len(self.rest) >= _line_characters:
            self.flush()
        return len(text)

    def flush(self):
        if self.rest:
            rest, self.rest = self.rest, ""
            host.log(self._level, rest[:_line_characters])


class LogHandler(logging.Handler):
    """Hands the records of `logging` on, with the level that is nearest."""

    def emit(self, record):
        try:
            text = self.format(record)
        except Exception as error:
            text = f"a log record that cannot be shown: {type(error).__name__}"
        level = "error" if record.levelno >= 40 else "warn" if record.levelno >= 30 else "info" if record.levelno >= 20 else "debug"
        host.log(level, text[:_line_characters])


output = Lines("info")
errors = Lines("error")


def flush():
    if output.rest:
        output.flush()
    if errors.rest:
        errors.flush()


def install():
    sys.stdout = sys.__stdout__ = output
    sys.stderr = sys.__stderr__ = errors
    sys.stdin = sys.__stdin__ = io.StringIO()
    root = logging.getLogger()
    root.handlers = [LogHandler()]
    # The host decides what it keeps.
    root.setLevel(logging.DEBUG)
    logging.captureWarnings(True)
