"""Imported by failures.py."""


def divide(a, b):
    if b == 0:
        raise ArithmeticError("division by zero")  # here
    return a / b
