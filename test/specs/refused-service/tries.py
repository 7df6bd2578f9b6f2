from vivarium import VivariumError


def handle(_, context):
    try:
        context.services.orders.delete(everything=True)
    except VivariumError as refusal:
        return {"code": refusal.code, "message": str(refusal), "hint": refusal.hint}
