from urllib.request import Request, urlopen

from vivarium import VivariumError


class Absent(VivariumError):
    pass


def call(name, context):
    service = context.services
    for part in name.split("."):
        service = service[part]
    service()


def variable(name, context):
    if name not in context.env:
        raise Absent(name, "absent")


def read(path, context):
    with open(path, "rb") as file:
        file.read()


def write(path, context):
    with open(path, "wb") as file:
        file.write(b"written")


def request(method):
    def send(url, context):
        urlopen(Request(url, method=method)).close()

    return send


operations = {
    "call": call,
    "variable": variable,
    "get": lambda key, context: context.state.get(key),
    "put": lambda key, context: context.state.put(key, 1),
    "delete": lambda key, context: context.state.delete(key),
    "list": lambda prefix, context: context.state.list(prefix=prefix),
    "read": read,
    "write": write,
    "GET": request("GET"),
    "POST": request("POST"),
}


def outcome(line, context):
    operation, resource = line.split(" ")
    try:
        operations[operation](resource, context)
        return "allowed"
    except VivariumError as error:
        return error.code


def handle(text, context):
    """Lines `operation resource`: for each `allowed`, or the code of its error."""
    return [outcome(line, context) for line in text.split("\n")]
