"""A card as a flat list of measurements, each with all that is needed to compare it with another."""

from pathlib import Path
from typing import Any

ENTRY = ("metric", "protocol", "value", "interval", "n", "held_out", "reference")
NUMBERS = ("inception_score", "frechet", "kernel", "confident", "smallest")
"""Figures of the judge."""
LEFT_OUT = ("shares", "missing")


def entries(card: dict[str, Any]) -> list[dict[str, Any]]:
    """{metric, protocol, value, interval, n, held_out, reference} of every figure of the sections of a card."""
    found = []
    for section, of in SECTIONS.items():
        if section in card:
            found += of(card[section])
    return [dict(zip(ENTRY, entry, strict=True)) for entry in found]


def _judged(section):
    judge = section.get("judge") or {}
    name = Path(judge.get("name") or "").name
    titles = {"frechet": f"FD-{name}", "kernel": f"KD-{name}", "inception_score": f"IS-{name}"}
    for figure, value in section["samples"].items():
        if figure in LEFT_OUT:
            continue
        held = section.get("reals", {}).get(figure)
        kind = "judge" if figure in NUMBERS else "pixels"
        reference = section.get("reference") or {}
        interval = section["intervals"].get(figure)
        yield titles.get(figure, figure), kind, value, interval, section["settings"]["images"], held, reference


def _inception(section):
    for figure, value in section["samples"].items():
        held, interval = section.get("reals", {}).get(figure), section["intervals"].get(figure)
        yield figure, section["protocol"], value, interval, section["images"], held, section["reference"]


def _likelihood(section):
    for name, found in section.items():
        if name in ("images", "unit", "dequantisation"):
            continue
        reach = 1.96 * found["error"]
        interval = [found["mean"] - reach, found["mean"] + reach]
        yield name, section.get("dequantisation", ""), found["mean"], interval, section["images"], None, {}


def _accuracy(value):
    yield "accuracy", "held-out images", value, None, 0, None, {}


def _pairs(section):
    for name, value in section["samples"].items():
        yield name, f"border {section['border']}", value, section["intervals"].get(name), section["images"], None, {}


SECTIONS = {
    "pairs": _pairs,
    "judged": _judged,
    "inception": _inception,
    "likelihood": _likelihood,
    "accuracy": _accuracy,
}
