import asyncio


def outcome(call):
    """What a call came to, in the form in which a plugin gets it."""
    try:
        return {"ok": call()}
    except Exception as error:
        return {"error": {"code": error.code, "message": str(error)}}


async def outcome_later(call):
    try:
        return {"ok": await call()}
    except Exception as error:
        return {"error": {"code": error.code, "message": str(error)}}


def handle(message, context):
    context.emit("left", message)
    context.emit("right", message)
    return message


def nowhere(message, context):
    context.emit("nowhere", message)


async def many(count, context):
    for n in range(count):
        await context.emit("left", n)


def again(message, context):
    context.emit("out", message)
    return message


async def ask(message, context):
    return await outcome_later(lambda: context.ask("peer", message))


async def askAway(message, context):
    return await outcome_later(lambda: context.ask("distant", message))


async def askNobody(message, context):
    return await outcome_later(lambda: context.ask("stranger", message))


async def askAll(messages, context):
    return await asyncio.gather(*(context.ask("peer", message) for message in messages))


def askNow(message, context):
    return outcome(lambda: context.ask("peer", message))


def askAwayNow(message, context):
    return outcome(lambda: context.ask("distant", message))


kept = None


def keep(message, context):
    """Keeps the context of its turn."""
    global kept
    kept = context


def stale(message):
    """Uses the context of a turn that has ended."""
    return [
        outcome(lambda: kept.emit("left", message)),
        outcome(lambda: kept.ask("peer", message)),
        outcome(lambda: kept.services.orders.list(message)),
    ]
