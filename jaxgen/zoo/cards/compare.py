"""Cards side by side: `jaxgen compare RUN RUN ...`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxgen.core import UserError
from jaxgen.training import pictures

COLUMN, TITLE = 24, 36
SHOWN = 10
"""Samples of each run in the picture."""


def read(path: str | Path) -> dict[str, Any]:
    """A card, from its file or from the directory of its run.

    Raises:
      UserError: there is none, or it is not readable.
    """
    path = Path(path)
    file = path / "card.json" if path.is_dir() else path
    try:
        card = json.loads(file.read_text())
        card["metrics"], card["run"]
    except FileNotFoundError:
        raise UserError(f"There is no card at {file}; `jaxgen evaluate {path}` makes one.") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{file} is no card of `jaxgen evaluate`; evaluate the run again.") from None
    return card


def table(cards: Sequence[dict[str, Any]]) -> str:
    """One column per card, one row per figure; figures of different protocols or references stand in different rows."""
    names = [Path(card["run"]).name for card in cards]
    rows: dict[tuple, dict[int, dict[str, Any]]] = {}
    for index, card in enumerate(cards):
        for entry in card["metrics"]:
            reference = (entry.get("reference") or {}).get("sha256", "")
            rows.setdefault((entry["metric"], entry["protocol"], reference, entry["n"]), {})[index] = entry
    lines = [f"{'':{TITLE}}" + "".join(f"{name[: COLUMN - 2]:>{COLUMN}}" for name in names)]
    for title in ("step", "nfe", "guidance", "seed", "seconds"):
        values = ["-" if card.get(title) is None else f"{card[title]:g}" for card in cards]
        lines.append(f"{title:{TITLE}}" + "".join(f"{value:>{COLUMN}}" for value in values))
    for (metric, protocol, _, n), entries in rows.items():
        shown = "".join(f"{_value(entries.get(index)):>{COLUMN}}" for index in range(len(cards)))
        lines.append(f"{f'{metric} ({protocol}, n={n})'[: TITLE - 1]:{TITLE}}{shown}")
    references: dict[tuple, set[str]] = {key[:2]: set() for key in rows}
    for metric, protocol, reference, _ in rows:
        references[metric, protocol].add(reference)
    mixed = sorted({metric for (metric, _), found in references.items() if len(found) > 1})
    if mixed:
        lines.append(f"Note: {', '.join(mixed)} were measured against different references and do not compare.")
    return "\n".join(lines)


def _value(entry: dict[str, Any] | None) -> str:
    if entry is None or entry["value"] is None:
        return "-"
    half = (entry["interval"][1] - entry["interval"][0]) / 2 if entry.get("interval") else None
    return f"{entry['value']:.4g}" + (f" +- {half:.2g}" if half is not None else "")


def picture(cards: Sequence[dict[str, Any]]) -> np.ndarray | None:
    """A row of samples per card, uint8 [rows * SHOWN, H, W, C] at one size; None where no card has kept samples."""
    rows = [_samples(card) for card in cards]
    found = [x for x in rows if x is not None]
    if not found:
        return None
    side, channels = max(max(x.shape[1:3]) for x in found), max(x.shape[3] for x in found)
    return np.concatenate([_fit(x, side, channels) for x in rows])


def _samples(card: dict[str, Any]) -> np.ndarray | None:
    folder = Path(card.get("samples") or "nowhere")
    first = sorted(folder.glob("images-*.npz"))
    if not first:
        return None
    with np.load(first[0], allow_pickle=False) as file:
        return file["images"][:SHOWN]


def _fit(x: np.ndarray | None, side: int, channels: int) -> np.ndarray:
    """Enlarged by whole factors, centred in white, as many as SHOWN."""
    sheet = np.full((SHOWN, side, side, channels), 255, np.uint8)
    if x is not None:
        scale = side // max(x.shape[1:3])
        x = x.repeat(scale, axis=1).repeat(scale, axis=2).repeat(channels // x.shape[3], axis=3)
        top, left = ((side - length) // 2 for length in x.shape[1:3])
        sheet[: len(x), top : top + x.shape[1], left : left + x.shape[2]] = x
    return sheet


def draw(cards: Sequence[dict[str, Any]], out: Path) -> bool:
    """The picture of `picture`, as a file; whether there was anything to draw."""
    images = picture(cards)
    if images is None:
        return False
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        pictures.grid(images, SHOWN).save(out)
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror or error}.") from None
    return True
