def total(record):
    return record["price"] * 2


def handle(record):
    return total(record)
