import asyncio
import json

from arithmetic import divide


def handle(message):
    raise ValueError(f"too far: {json.dumps(message)}")  # here


def deep(message):
    return divide(message, 0)


async def later(message):
    await asyncio.sleep(0)
    raise ValueError(f"too late: {json.dumps(message)}")  # later


def halfway(message):
    yield message
    raise ValueError("half way")  # halfway


async def halfwayLater(message):
    yield message
    raise ValueError("half way, later")  # halfwayLater


def after(message, context):
    """Sends, then fails: what was sent is sent."""
    context.emit("out", message)
    raise ValueError("after all")


def fine(message):
    return ["fine", message]
