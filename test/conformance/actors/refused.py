"""Values that are no messages."""

circle = {"items": []}
circle["items"].append(circle)

items = {
    "function": lambda: 1,
    "instance": {1},
    "key": {1: "a"},
    "large": 2**64,
    "cycle": circle,
    "half": "\ud83d",
}


def handle(name):
    return {"items": [items[name]]}
