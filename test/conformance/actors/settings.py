import sys


def handle(message, context):
    return {"threshold": context.config["threshold"], "names": context.config["names"]}


def environment(message, context):
    return {name: context.env.get(name) for name in ("REGION", "LEVEL", "COLOUR", "TOKEN")}


def secrets(message, context):
    return {name: context.secrets.get(name) for name in ("API_KEY", "TOKEN")}


def execution(message, context):
    execution = context.execution
    deadline = None if execution.deadline is None else round(execution.deadline.timestamp() * 1000)
    return {"id": execution.id, "attempt": execution.attempt, "parents": list(execution.parents), "deadline": deadline, "trace": execution.trace}


def survive(message, context):
    """Tells how often it was tried, after a call."""
    context.services.gate.enter()
    return context.execution.attempt


def log(text, context):
    context.log.debug(text)
    context.log.info(text)
    context.log.warn(text)
    context.log.error(text)


def printed(text):
    print(text)
    print(text, {"n": 1}, file=sys.stderr)


def flood(count, context):
    """Logs so many lines of a hundred characters."""
    for n in range(count):
        context.log.info(str(n).ljust(100, "."))
