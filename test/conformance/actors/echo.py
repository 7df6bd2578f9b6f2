def handle(message, context):
    # A returned None would send nothing.
    if message is None:
        context.emit("out", None)
    return message
