"""The functions that the bootstrap of the isolate lends to Python, bound when an instance starts.

They take and give strings, numbers, booleans and None, and never raise: what can be refused gives the
error's record as JSON, or None if all went well. `vivarium.host` in guests; nothing an author should call.
"""

functions = (
    "settle",  # (turn, lane, text): ends a turn with a value
    "settle_with_nothing",  # (turn)
    "fail",  # (turn, record)
    "answer",  # (turn, lane, text) -> record or None: the first yield
    "emit",  # (turn, outlet, lane, text) -> record or None
    "room",  # (token) -> bool: false if the receivers have none; then `actor.room(token)` follows
    "call",  # (token, turn, capability, operation, lane, text, background) -> record or None; then `actor.reply(token, …)` follows
    "ask",  # (token, turn, None, peer, lane, text, background) -> the same
    "call_now",  # (turn, capability, operation, lane, text) -> "0" or "1" for the lane and the reply, or "!" and a record
    "ask_now",  # (turn, None, peer, lane, text) -> the same
    "execution",  # (turn) -> JSON or None
    "log",  # (level, text)
    "stir",  # (): `loop.run_ready()` follows soon
    "timer",  # (token, milliseconds, background) -> record or None; then `loop.fire(token)` follows
    "untimer",  # (token)
    "sleep",  # (milliseconds): blocks
    "refusal",  # () -> the record of the last operation on files that was refused, or None; once
    "reach",  # (results) -> turn: the turns before this one have ended, as `vivarium.ahead` says, and this one has begun
    "take",  # (results): turns have ended, as `vivarium.ahead` says
    "finished",  # (record or None): an asynchronous `start` or `stop` is over
)


def connect(*given):
    globals().update(zip(functions, given, strict=True))
