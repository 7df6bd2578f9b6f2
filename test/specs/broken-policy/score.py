def handle(record): return record
