def handle(order): return order
