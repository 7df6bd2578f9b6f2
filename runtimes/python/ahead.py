"""Where handlers run ahead of the bootstrap: many messages in one call, whose results are handed over together.

The bootstrap learns of a turn that has begun only when something asks it for anything: every function of `vivarium.host` first
makes it catch up. What it must know at any time, should the interpreter be stopped, stands in memory that it can read.
"""

from array import array

from vivarium import host, message_text

most = 1024
"""Turns at once."""

# Read and written by the bootstrap too, see ahead.guest.ts.
_running, _begun, _handed = 0, 1, 2
_header = 3

shared = array("I", bytes(4 * (_header + 2 * most)))
"""The turn whose code runs, 0 if none does ahead; the turn that the bootstrap knows of; how many results are handed over; the lengths of
the messages; the lengths of the results."""

results = []
"""Of the turns that have ended and that the bootstrap has not heard of: texts, empty where there is nothing to send."""

_codec = None
_fail = None


def connect(codec, fail):
    """`fail(turn, error)` ends a turn that the bootstrap knows of."""
    global _codec, _fail
    _codec, _fail = codec, fail
    for name in host.functions:
        if name not in ("reach", "take"):
            setattr(host, name, _in_step(getattr(host, name)))


def _in_step(function):
    def call(*values):
        keep_up()
        return function(*values)

    return call


def place():
    """The address of `shared`."""
    return shared.buffer_info()[0]


def lengths(count):
    return shared[_header : _header + count]


def keep_up():
    """The bootstrap hears of what has ended and that the present turn has begun, if it does not know yet."""
    if shared[_running] != shared[_begun]:
        host.reach(pack())
        results.clear()
        shared[_begun] = shared[_running]


def hand_over():
    """The bootstrap hears of what has ended. To be called between turns."""
    host.take(pack())
    results.clear()


def leave():
    """No turn runs ahead any more. Gives what is still to be handed over."""
    text = pack()
    results.clear()
    shared[_running] = shared[_begun] = 0
    return text


def pack():
    """All results as one text, whose lengths are told in `shared`."""
    text = "".join(results)
    if not _codec.are_good(text):
        _hand_over_one_by_one()
        text = "".join(results)
    count = len(results)
    sizes = array("I", map(len, results)) if text.isascii() else array("I", map(_units, results))
    shared[_header + most : _header + most + count] = sizes
    shared[_handed] = count
    return text


def _units(text):
    return len(text.encode("utf-16-le")) // 2


def _hand_over_one_by_one():
    """Encodes anew what does not fit the text lane. The author may have changed the value since, but not the text that was written."""
    waiting = results[:]
    results.clear()
    running, shared[_running] = shared[_running], shared[_begun]
    for text in waiting:
        if _codec.are_good(text):
            results.append(text)
            continue
        turn = host.reach(pack())
        results.clear()
        try:
            host.settle(turn, *_codec.encode(message_text.scan(text, 0)[0]))
        except BaseException as error:
            _fail(turn, error)
    shared[_running] = running
