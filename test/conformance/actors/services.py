import asyncio

from vivarium import VivariumError


def told(error):
    record = {"code": error.code, "message": str(error)}
    return {"error": record if error.hint is None else record | {"hint": error.hint}}


def service(context, name):
    group, function = name.split(".")
    return getattr(getattr(context.services, group), function)


def calling(name):
    """A coroutine that calls a service: what the call came to, in the form in which a plugin gets it."""

    async def handler(message, context):
        try:
            return {"ok": await service(context, name)(message)}
        except VivariumError as error:
            return told(error)

    return handler


def calling_now(name):
    """The same as a plain function."""

    def handler(message, context):
        try:
            return {"ok": service(context, name)(message)}
        except VivariumError as error:
            return told(error)

    return handler


list = calling("orders.list")
fails = calling("orders.fails")
misshapen = calling("orders.misshapen")
denied = calling("money.send")
unknown = calling("orders.none")
echo = calling("orders.echo")

listNow = calling_now("orders.list")
failsNow = calling_now("orders.fails")
misshapenNow = calling_now("orders.misshapen")
deniedNow = calling_now("money.send")
unknownNow = calling_now("orders.none")
echoNow = calling_now("orders.echo")


def twice(message, context):
    """Several in a row, in one turn."""
    return [context.services.orders.echo(message), context.services.orders.echo(message)]


async def parallel(messages, context):
    """Several at once."""
    return await asyncio.gather(*(context.services.orders.echo(message) for message in messages))


async def passing(message, context):
    """Lets the error pass."""
    return await context.services.money.send(message)


def handle(message):
    return message
