"""Breaks each limit."""

import asyncio
import time


def handle(message):
    return ["fine", message]


def spin(message):
    while True:
        pass


async def hang(message):
    await asyncio.get_running_loop().create_future()


def hangInSleep(message):
    time.sleep(600)


async def hangInCall(message, context):
    await context.services.gate.wait()


def hangInCallNow(message, context):
    context.services.gate.wait()


def grow(message):
    kept = []
    while True:
        kept.append({"n": len(kept), "text": str(len(kept))})


def growBuffers(message):
    kept = []
    while True:
        kept.append(bytearray(1024 * 1024))


def large(bytes):
    """Returns a message of so many bytes."""
    return "x" * bytes


def many(count, context):
    """Sends so many messages."""
    for n in range(count):
        context.emit("out", n)


def much(count, context):
    """Sends messages of 500 bytes until it has sent so many."""
    for n in range(count):
        context.emit("out", "x" * 498)


def timers(count):
    for n in range(count):
        asyncio.get_running_loop().call_later(60, print)
    return "set"


async def calls(count, context):
    """Calls a service so many times at once, and tells how many were not refused."""

    async def call():
        return await context.services.gate["pass"]()

    results = await asyncio.gather(*(call() for n in range(count)), return_exceptions=True)
    return sum(not isinstance(result, Exception) for result in results)


async def call(message, context):
    """Calls a service once, and lets the error pass."""
    return await context.services.gate["pass"]()
