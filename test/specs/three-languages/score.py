from rounding import cents


def handle(order, context):
    context.emit("words", order["note"])
    return {"total": cents(order["price"] * order["quantity"] * context.config["factor"])}
