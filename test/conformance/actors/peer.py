"""Answers, except to `nothing` and to `fail`."""


def handle(message):
    if message == "fail":
        raise ValueError("not that")
    return None if message == "nothing" else ["answered", message]
