"""Where handlers run ahead of the bootstrap: many messages in one call, whose results are handed over together.

The bootstrap learns of a turn that has begun only when something asks it for anything: every function of `vivarium.host` first
makes it catch up. What it must know at any time, should the interpreter be stopped, stands in memory that it can read.
"""

from array import array

from vivarium import host, message_text

most = 1024
"""Turns at once."""

# Read and written by the bootstrap too, see ahead.guest.ts.
_told, _handed, _place_of_length = 0, 1, 2
_header = 3

shared = array("I", bytes(4 * (_header + 2 * most)))
"""The turn whose code runs, 0 where that is the one after those of `results`; how many results are handed over; where the length of
`results` stands; the lengths of the messages; the lengths of the results."""

results = []
"""Of the turns that have ended and that the bootstrap has not heard of: texts, empty where there is nothing to send. To add one says also
that the next turn runs, which costs nothing then."""

known = []
"""Not empty when the bootstrap knows that the present turn has begun, so that it must hear of its end too."""

# In place of a turn: none runs ahead.
_none = 2**32 - 1
shared[_told] = _none
# In CPython it is what follows the beginning that all objects have.
shared[_place_of_length] = id(results) + object.__basicsize__

# The first turn of which the bootstrap has not heard, and the first one that is not of the row.
_next = _end = 0
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


def enter(first, count):
    """Turns run ahead from now on. Gives the lengths of their messages."""
    global _next, _end
    lengths = shared[_header : _header + count]
    _next, _end = first, first + count
    shared[_told] = 0
    return lengths


def keep_up():
    """The bootstrap hears of what has ended and that the present turn has begun, if it does not know yet."""
    global _next
    if known or _next == _end:
        return
    present = _next + len(results)
    if present == _end:
        hand_over()
        return
    known.append(present)
    shared[_told] = present
    _tell(host.reach)
    _next += 1


def proceed():
    """A turn has ended, or waits, of which the bootstrap knew. The next one runs."""
    known.clear()
    shared[_told] = 0


def hand_over():
    """The bootstrap hears of what has ended. To be called between turns."""
    _stand_at_the_last()
    _tell(host.take)
    proceed()


def leave():
    """No turn runs ahead any more. Gives what is still to be handed over."""
    global _next
    _stand_at_the_last()
    text = pack()
    results.clear()
    _next = _end
    shared[_told] = _none
    known.clear()
    return text


def _stand_at_the_last():
    """What is done from here on is done by the turn that ended last, and nobody has to hear that it has begun."""
    known.append(None)
    shared[_told] = _next + len(results) - 1


def _tell(tell):
    global _next
    text = pack()
    told = tell(text)
    _next += len(results)
    results.clear()
    return told


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
    global _next
    waiting = results[:]
    results.clear()
    for text in waiting:
        if _codec.are_good(text):
            results.append(text)
            continue
        turn = _tell(host.reach)
        _next += 1
        try:
            host.settle(turn, *_codec.encode(message_text.scan(text, 0)[0]))
        except BaseException as error:
            _fail(turn, error)
