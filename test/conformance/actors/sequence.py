calls = 0


def handle(message):
    """The message, and how many came before it."""
    global calls
    calls += 1
    return [message, calls - 1]


async def burst(count, context):
    """Sends the numbers below `count`, one by one, as there is room."""
    for n in range(count):
        await context.emit("out", n)
