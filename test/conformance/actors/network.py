import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from pyodide.http import pyfetch


def handle(message, context):
    """Sends a request; `secret` stands for the placeholder of that name."""
    headers = {name: value.replace("{secret}", context.secrets.get("TOKEN", "")) for name, value in message["headers"].items()}
    body = message.get("body")
    request = Request(message["url"], None if body is None else body.encode(), headers, method=message["method"])
    try:
        response = urlopen(request)
    except HTTPError as error:
        response = error
    with response:
        return {"status": response.status, "kind": response.headers["x-kind"], "body": response.read().decode()}


async def waiting(message, context):
    headers = {name: value.replace("{secret}", context.secrets.get("TOKEN", "")) for name, value in message["headers"].items()}
    response = await pyfetch(message["url"], method=message["method"], headers=headers, body=message.get("body"))
    return {"status": response.status, "kind": response.headers.get("x-kind"), "body": await response.text()}


def size(url):
    """How many bytes came, and whether they are what was to come."""
    with urlopen(url) as response:
        count = 0
        while piece := response.read(300_000):
            count += len(piece)
        return count


def upload(message):
    with urlopen(Request(message["url"], b"x" * message["size"], method="POST")) as response:
        return json.load(response)["bytes"]
