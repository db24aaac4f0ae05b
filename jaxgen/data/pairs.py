"""Two sets of images: in pairs (photograph and drawing of one thing), or merely two kinds of images (horses, zebras).

Each set is a folder, a .zip, or a folder inside a .zip ("scans.zip/ChestCT"). Files of equal name, without suffix, are
partners. `docs/data.md` describes the layouts.
"""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxgen.core import UserError
from jaxgen.data import folder
from jaxgen.data.settings import Settings, find
from jaxgen.data.source import Examples, Source, Split, from_arrays, held_out, subset

HALVES = {"left": (0.0, 0.5), "right": (0.5, 1.0)}
"""Where each file shows both images side by side: what `target` names, and the part of the width it takes."""
SHARE = 8
"""Where no folder says so, a file is held out if the SHA-256 of its name is 0 modulo this."""
SPLITS = {"train": "train", "test": "test", "val": "test"}
"""Top folders and the splits they make; with folders test and val, val is left out."""

Key = tuple[str, str]
"""(split, name without suffix): what partners share."""


class Side(NamedTuple):
    """One of the two sets."""

    path: Path
    files: dict[Key, str]
    """key -> path inside the set, in the order of the keys."""
    read: folder.Read
    part: tuple[float, float] = folder.WHOLE


def open_paired(settings: Settings) -> Source:
    """Pairs: "image" from `path`, "target" from `target`, joined on their names.

    Raises:
      UserError: a set is missing, no names are common, or files have no partner and `common_names` is not set.
    """
    a, b = _sides(settings)
    keys = _common(a, b)
    alone = [
        [f"{side.path.name}/{side.files[k]}" for k in side.files if k not in other.files]
        for side, other in ((a, b), (b, a))
    ]
    if any(alone) and not settings.common_names:
        counts = " and ".join(
            f"{len(some)} of {side.path} ({_some(some)})" for some, side in zip(alone, (a, b)) if some
        )
        raise UserError(
            f"Some images have no partner of the same name: {counts}; add their partners, set data.common_names=true to"
            " leave them out, or data.name=unpaired for a model that needs no pairs."
        )
    pairs, keys = _pairs(settings, a, b, keys)
    return Source(_name(a, b), _divide(pairs, keys))


def open_unpaired(settings: Settings) -> Source:
    """Two kinds of images, of any number: "image" from `path`, "target" from `target`, drawn independently.

    With `common_names`, held-out images are dealt in pairs of equal names: the truth that a model is judged by.

    Raises:
      UserError: a set is missing, or has nothing to train on.
    """
    a, b = _sides(settings)
    common = [key for key in _common(a, b) if key[0] == "test"] if settings.common_names else []
    halves = []
    for side in (a, b):
        keys = [key for key in side.files if not (settings.common_names and key[0] == "test")]
        found, images, decode = _decoded(settings, side, keys)
        whole = from_arrays(image=images) if images is not None else _lazy(side, found, decode)
        halves.append(_divide(whole, found))
        if "train" not in halves[-1]:
            raise UserError(f"{side.path} holds no images to train on: all of them are held out.")
    images, targets = halves
    one, other = (half["train"].gather(np.zeros(1, np.int64))["image"] for half in halves)
    _check_alike(one, other, a, b)
    if common:
        pairs, kept = _pairs(settings, a, b, common)
        images |= _divide(pairs, kept)
        targets.pop("test", None)
    elif "test" in images.keys() ^ targets.keys():
        images.pop("test", None)
        targets.pop("test", None)
    return Source(_name(a, b), images, targets=targets)


def from_halves(source: Source) -> Source:
    """A prepared set with splits trainA, trainB, testA, testB as two unpaired sets; any other one as it is."""
    if not {"trainA", "trainB"} <= source.splits.keys():
        return source
    named = [name for name in ("train", "test") if {f"{name}A", f"{name}B"} <= source.splits.keys()]
    images, targets = ({name: source.splits[name + letter] for name in named} for letter in "AB")
    return Source(source.name, images, targets=targets)


def _sides(settings: Settings) -> tuple[Side, Side]:
    """Both sets, as `path` and `target` name them."""
    what = "a folder of images, a .zip of one, or a folder in a .zip"
    if settings.target in HALVES:
        whole = _side(settings.path, "data.path", what, "")
        other = "left" if settings.target == "right" else "right"
        return whole._replace(part=HALVES[other]), whole._replace(part=HALVES[settings.target])
    if settings.target:
        return _side(settings.path, "data.path", what, ""), _side(settings.target, "data.target", what, "")
    return _side(settings.path, "data.path", what, "A"), _side(settings.path, "data.path", what, "B")


def _side(given: str, key: str, what: str, letter: str) -> Side:
    """The set at `given`; with a letter, its folders trainA, testA or trainB, testB."""
    path, inside = _locate(given, key, what)
    names, read = folder.listing(path)
    chosen = [name for name in names if name.startswith(inside)]
    if not chosen:
        tops = sorted({name.split("/")[0] for name in names if "/" in name})
        has = f"its folders are {_some(tops, 8)}" if tops else f"images end in {', '.join(folder.SUFFIXES)}"
        raise UserError(f"{key}: {path} holds no images{' below ' + inside if inside else ''}; {has}.")
    prefix = _wrapping(chosen, inside)
    tops = sorted({name.removeprefix(prefix).split("/")[0] for name in chosen if "/" in name.removeprefix(prefix)})
    roots = {top: split for top, split in SPLITS.items() if top + letter in tops}
    if letter and "train" not in roots:
        raise UserError(
            f"data.target is empty and {path} has no folders trainA and trainB: set data.target to the second set, or"
            " to left or right if each file shows both images side by side."
        )
    if "test" in roots:
        roots.pop("val", None)
    files: dict[Key, str] = {}
    for name in chosen:
        inner = name.removeprefix(prefix).rpartition(".")[0]
        top, _, rest = inner.partition("/")
        if roots:
            split = next((split for root, split in roots.items() if root + letter == top), "")
            place = (split, rest)
        else:
            place = ("test" if held_out(inner, SHARE) else "train", inner)
        if place in files:
            raise UserError(f"{path} holds two images of one name, {files[place]} and {name}; remove one.")
        if place[0]:
            files[place] = name
    return Side(path, files, read)


def _locate(given: str, key: str, what: str) -> tuple[Path, str]:
    """(folder or .zip, prefix inside it) of a path that may go on inside a .zip."""
    parts = Path(given).parts
    for end in range(1, len(parts)):
        if parts[end - 1].lower().endswith(".zip"):
            outer = find(str(Path(*parts[:end])), what, key)
            if zipfile.is_zipfile(outer):
                return outer, "/".join(parts[end:]) + "/"
    return find(given, what, key), ""


def _wrapping(names: Sequence[str], prefix: str) -> str:
    """`prefix` and the folders that hold all of it, down to folders that mean splits."""
    while True:
        inner = [name.removeprefix(prefix) for name in names]
        tops = {name.split("/")[0] for name in inner}
        if len(tops) > 1 or tops & SPLITS.keys() or not all("/" in name for name in inner):
            return prefix
        prefix += tops.pop() + "/"


def _common(a: Side, b: Side) -> list[Key]:
    """Keys that both have, in the order of the first."""
    keys = [key for key in a.files if key in b.files]
    if not keys:
        one, other = next(iter(a.files.values())), next(iter(b.files.values()))
        raise UserError(
            f"{a.path} and {b.path} have no image names in common (such as {one} and {other}), so there are no pairs."
        )
    return keys


def _some(names: Sequence[str], count: int = 3) -> str:
    return ", ".join(names[:count]) + (", ..." if len(names) > count else "")


def _name(a: Side, b: Side) -> str:
    return a.path.stem if a.path == b.path else f"{a.path.stem}-{b.path.stem}"


def _divide(whole: Split, keys: Sequence[Key]) -> dict[str, Split]:
    """Split -> the examples whose key says so."""
    owner = np.array([split for split, _ in keys])
    return {name: subset(whole, np.flatnonzero(owner == name)) for name in ("train", "test") if name in owner}


def _decoded(settings: Settings, side: Side, keys: Sequence[Key]):
    """(keys of the readable images, all of them if they fit the memory, how to decode one by its file name)."""
    names = {side.files[key]: key for key in keys}
    found, images, decode = folder.decoded(settings, side.path, list(names), side.read, side.part)
    return [names[name] for name in found], images, decode


def _lazy(side: Side, keys: Sequence[Key], decode: folder.Decode) -> Split:
    return folder.lazy([side.files[key] for key in keys], decode, {})


def _check_alike(one: np.ndarray, other: np.ndarray, a: Side, b: Side) -> None:
    """Both sets must look the same to a network: [..., H, W, C]."""
    if one.shape != other.shape:
        shown = ["x".join(map(str, image.shape[-3:])) for image in (one, other)]
        raise UserError(
            f"The images of {a.path} are {shown[0]} and those of {b.path} {shown[1]}; set data.size, and"
            " data.channels to 1 or 3, so that they are alike."
        )


def _pairs(settings: Settings, a: Side, b: Side, keys: list[Key]) -> tuple[Split, list[Key]]:
    """The readable pairs and their keys."""
    (left, images, decode_a), (right, targets, decode_b) = (_decoded(settings, side, keys) for side in (a, b))
    rows_a, rows_b = ({key: row for row, key in enumerate(some)} for some in (left, right))
    kept = [key for key in left if key in rows_b]
    if not kept:
        raise UserError(f"No pair of {a.path} and {b.path} can be read.")
    if images is not None and targets is not None:
        _check_alike(images, targets, a, b)
        chosen = [np.array([rows[key] for key in kept]) for rows in (rows_a, rows_b)]
        return from_arrays(image=images[chosen[0]], target=targets[chosen[1]]), kept
    names = {a.files[key]: b.files[key] for key in kept}

    def decode(name: str) -> np.ndarray | None:
        """Both images, one behind the other: a pair is replaced as a whole where one of it is damaged."""
        one, other = decode_a(name), decode_b(names[name])
        if one is None or other is None:
            return None
        _check_alike(one, other, a, b)
        return np.concatenate([one, other], axis=-1)

    both = folder.lazy(list(names), decode, {})

    def gather(indices: np.ndarray) -> Examples:
        one, other = np.split(both.gather(indices)["image"], 2, axis=-1)
        return {"image": one, "target": other}

    return Split(both.size, gather), kept
