import asyncio
from json import loads

from vivarium import VivariumError


def told(error):
    record = {"code": error.code, "message": str(error)}
    return {"error": record if error.hint is None else record | {"hint": error.hint}}


def put_arguments(text):
    """Lines: a key, JSON of a value, JSON of a condition."""
    key, value, *condition = text.split("\n")
    return (key, loads(value)), condition_of(condition)


def condition_of(lines):
    return {"if_": loads(lines[0])} if lines and lines[0] else {}


def get_arguments(key):
    return (key,), {}


def remove_arguments(text):
    key, *condition = text.split("\n")
    return (key,), condition_of(condition)


def list_arguments(text):
    return (), loads(text) if text else {}


def calling(function, arguments):
    async def handler(text, context):
        positional, named = arguments(text)
        try:
            return {"ok": await getattr(context.state, function)(*positional, **named)}
        except VivariumError as error:
            return told(error)

    return handler


def calling_now(function, arguments):
    def handler(text, context):
        positional, named = arguments(text)
        try:
            return {"ok": getattr(context.state, function)(*positional, **named)}
        except VivariumError as error:
            return told(error)

    return handler


handle = calling("get", get_arguments)
put = calling("put", put_arguments)
remove = calling("delete", remove_arguments)
list = calling("list", list_arguments)

handleNow = calling_now("get", get_arguments)
putNow = calling_now("put", put_arguments)
removeNow = calling_now("delete", remove_arguments)
listNow = calling_now("list", list_arguments)


def keep(value, context):
    """Keeps whatever comes, and gives what was kept."""
    context.state.put("kept", value)
    return [context.state.get("kept")["value"]]


async def many(count, context):
    """Many at once; how many were kept."""
    puts = (context.state.put(f"key {index}", "x" * 100) for index in range(int(count)))
    outcomes = await asyncio.gather(*puts, return_exceptions=True)
    return sum(isinstance(outcome, dict) for outcome in outcomes)


async def wrong(_, context):
    """What an author may mistake."""
    state = context.state
    return [await failure(state.put("a", 1, if_="x")), await failure(state.get(7)), await failure(state.list(most=10**6))]


async def failure(call):
    try:
        return {"ok": await call}
    except VivariumError as error:
        return told(error)
