"""Scores how much attention a dependency deserves, with nothing but the standard library."""

import math
import re
import statistics
from collections import Counter

from vivarium import VivariumError

PERMISSIVE = re.compile(r"\b(MIT|ISC|BSD|Apache|0BSD|Unlicense|CC0|BlueOak|Python)\b", re.IGNORECASE)
COPYLEFT = re.compile(r"\b(GPL|LGPL|AGPL|MPL|EPL)\b", re.IGNORECASE)


def start(context):
    """Asks for more than it was granted, to show what a refusal looks like."""
    try:
        context.services.usage.forget({"name": "everything"})
    except VivariumError as refusal:
        context.log.warn(f"{refusal.code}: {refusal}")


def licence_class(licence):
    if licence is None:
        return "unknown"
    if COPYLEFT.search(licence):
        return "copyleft"
    return "permissive" if PERMISSIVE.search(licence) else "other"


def entropy(name):
    """Bits a character: a random-looking name is worth a second look."""
    counts = Counter(name)
    return -sum(n / len(name) * math.log2(n / len(name)) for n in counts.values())


def handle(record, context):
    numbers = [int(part) for part in re.findall(r"\d+", record["version"])] or [0]
    licence = licence_class(record["licence"])
    used = context.services.usage.count({"name": record["name"]})
    score = 0.0
    if numbers[0] == 0:
        score += 20
    if licence in ("unknown", "other"):
        score += context.config["unknownLicence"] if record["ecosystem"] == "npm" else 5
    elif licence == "copyleft":
        score += 25
    score += min(20, 20 * len(record["dependencies"]) / context.config["manyDependencies"])
    score += max(0.0, entropy(record["name"]) - 3.2) * 10
    score += min(20, used["files"])
    return {
        "name": record["name"],
        "version": record["version"],
        "ecosystem": record["ecosystem"],
        "licence": licence,
        "dependencies": len(record["dependencies"]),
        "importedBy": used["files"],
        "versionSpread": round(statistics.pstdev(numbers), 2),
        "score": round(score, 1),
    }
