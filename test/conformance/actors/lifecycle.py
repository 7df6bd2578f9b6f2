import asyncio

starts = 0
calls = 0
got = None
ticks = 0
has_left_behind = False


def start(context):
    global starts
    context.log.info("start", "outside" if context.execution is None else "in a turn")
    starts += 1
    how = (context.config or {}).get("start")
    if how == "fail":
        raise ValueError("cannot start")  # here
    while how == "spin":
        pass
    if how == "hang":
        return asyncio.get_running_loop().create_future()
    if how == "later":
        return later()
    if how == "emit":
        context.emit("out", "early")
    if how == "call":
        return call(context)
    if how == "tick":
        asyncio.ensure_future(tick())


async def later():
    global got
    await asyncio.sleep(0.02)
    got = "later"


async def call(context):
    global got
    got = await context.services.orders.list(1)


async def tick():
    global ticks
    while True:
        await asyncio.sleep(0.005)
        ticks += 1


def handle(message):
    global calls
    calls += 1
    return {"starts": starts, "calls": calls, "got": got}


async def ticking(message):
    before = ticks
    while ticks < before + 3:
        await asyncio.sleep(0.005)
    return "ticks"


def leave(message):
    """Leaves a timer behind."""
    asyncio.get_running_loop().call_later(0.01, leave_behind)


def leave_behind():
    global has_left_behind
    has_left_behind = True


async def left(message):
    """Whether it ran."""
    await asyncio.sleep(0.06)
    return has_left_behind


def spin(message):
    while True:
        pass


async def stop(context):
    how = (context.config or {}).get("stop")
    if how == "later":
        await asyncio.sleep(0.02)
    context.log.info("stop", calls)
    if how == "fail":
        raise ValueError("cannot stop")
