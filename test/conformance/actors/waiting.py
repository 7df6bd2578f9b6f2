"""Never ends by itself."""

import asyncio
import time
from datetime import datetime, timezone


def handle(message):
    return ["fine", message]


def spin(message):
    while True:
        pass


async def spinAfterCall(message, context):
    """Computes for ever, after a call."""
    await context.services.gate.enter()
    while True:
        pass


async def wait(message, context):
    await context.services.gate.enter()
    await asyncio.get_running_loop().create_future()


async def call(message, context):
    await context.services.gate.wait()


def callNow(message, context):
    context.services.gate.wait()


def sleep(message, context):
    context.services.gate.enter()
    time.sleep(600)


async def listen(message, context):
    """Hears that it was cancelled."""
    try:
        await context.services.gate.enter()
        await asyncio.get_running_loop().create_future()
    except asyncio.CancelledError:
        context.log.info("aborted", "execution.cancelled" if context.signal.aborted else "not")
        raise


def remaining(message, context):
    """Milliseconds until the deadline."""
    deadline = context.execution.deadline
    return None if deadline is None else (deadline - datetime.now(timezone.utc)).total_seconds() * 1000
