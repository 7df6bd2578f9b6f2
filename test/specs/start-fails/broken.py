def handle(word, context)
    return word
