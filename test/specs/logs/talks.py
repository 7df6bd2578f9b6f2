import logging


def start(context):
    print("starting")


def handle(word, context):
    context.log.warn(word)
    logging.getLogger("talks").error("two\nlines")


def stop(context):
    print("stopping")
