import asyncio

calls = 0
running = 0


def handle(message):
    return ["handled", message]


def second(message):
    return ["second", message]


def silent(message):
    pass


def count(message):
    global calls
    calls += 1
    return calls


async def later(message):
    await asyncio.sleep(0.002)
    return ["later", message]


async def silentLater(message):
    await asyncio.sleep(0.002)


def generator(count):
    for n in range(count):
        yield n


async def generatorLater(count):
    for n in range(count):
        await asyncio.sleep(0.001)
        yield n


def sparse(count):
    for n in range(count):
        yield None if n % 2 == 0 else n


async def together(message):
    """How many turns run at once, this one included."""
    global running
    running += 1
    most = running
    await asyncio.sleep(0.005)
    running -= 1
    return most
