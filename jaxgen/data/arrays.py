"""Images in numpy files: .npz with named arrays, or .npy."""

import logging
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from jaxgen.core import UserError
from jaxgen.data import transforms
from jaxgen.data.settings import Settings, find
from jaxgen.data.source import Source, Split, from_arrays, subset

IMAGES, LABELS = ("images", "image", "x"), ("labels", "label", "y")
SPLITS = ("train", "test", "val")
SHARE = 10
logger = logging.getLogger(__name__)


def open(settings: Settings) -> Source:
    """A file of uint8 images [N, H, W, C] or [N, H, W], with labels [N] or without.

    An .npz may hold one set (`images`, `image` or `x`; `labels`, `label` or `y`), of which every tenth example is
    held out as "test", or one per split (`train_images`, `x_train`, `test_labels`, ...).

    Raises:
      UserError: no file, no such arrays, not uint8, or labels that do not fit.
    """
    path = find(settings.path, "a .npy or .npz file of uint8 images")
    held = read(path)
    named = {split: pair(held, split) for split in SPLITS}
    pairs: dict[str, tuple[Any, Any]] = {split: found for split, found in named.items() if found}
    if not pairs:
        whole = pair(held, "")
        if whole is None:
            raise UserError(
                f"{path} holds {', '.join(sorted(held))}, but images must be called {', '.join(IMAGES)}"
                " (clips are read by data.name=video)."
            )
        pairs = {"": whole}
    classes = _classes(path, pairs)
    splits = {name: _split(settings, path, *pair, bool(classes)) for name, pair in pairs.items()}
    if "" in splits:
        every = splits.pop("")
        test = np.arange(every.size) % SHARE == SHARE - 1
        parts = {"train": np.flatnonzero(~test), "test": np.flatnonzero(test)}
        splits = {name: subset(every, indices) for name, indices in parts.items() if len(indices)}
    return Source(path.stem, splits, classes)


def read(path: Path, *, names_only: bool = False) -> dict[str, Any]:
    """The arrays of a file by name ("images" for an .npy); with `names_only` True in place of each.

    Raises:
      UserError: it cannot be read.
    """
    try:
        loaded = np.load(path, mmap_mode="r", allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"images": loaded}
        return {key: True if names_only else loaded[key] for key in loaded.files}
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is not a readable .npy or .npz file of plain arrays: {error}.") from error


def pair(held: dict[str, np.ndarray], split: str, names: tuple[str, ...] = IMAGES):
    """(images, labels or None) of a split under any of the accepted names; None if it has no images."""

    def pick(names):
        keys = [key for name in names for key in ((f"{split}_{name}", f"{name}_{split}") if split else (name,))]
        return next((held[key] for key in keys if key in held), None)

    images = pick(names)
    return None if images is None else (images, pick(LABELS))


def _classes(path: Path, pairs) -> tuple[str, ...]:
    """Class names "0" .. for labels that are one integer per image; none otherwise."""
    top = -1
    for images, labels in pairs.values():
        if labels is None:
            return ()
        if len(labels) != len(images):
            raise UserError(f"{path} holds {len(images)} images but {len(labels)} labels.")
        if labels.size != len(labels) or labels.dtype.kind not in "iu" or labels.min(initial=0) < 0:
            logger.warning("%s: labels are ignored; they must be one non-negative integer per image", path)
            return ()
        top = max(top, int(labels.max(initial=-1)))
    return tuple(str(label) for label in range(top + 1))


def _split(settings: Settings, path: Path, images: np.ndarray, labels, labelled: bool) -> Split:
    if images.dtype != np.uint8 or images.ndim not in (3, 4):
        raise UserError(
            f"The images of {path} are {images.dtype} {list(images.shape)};"
            " they must be uint8 [N, H, W, C] or [N, H, W]."
        )
    stored = images if images.ndim == 4 else images[..., None]
    extra = {"label": np.asarray(labels).reshape(-1).astype(np.int32)} if labelled else {}
    plain = settings.channels in (0, stored.shape[-1])
    plain &= not settings.pad and (not settings.size or stored.shape[1:3] == (settings.size,) * 2)
    if plain:
        return from_arrays(image=stored, **extra)
    # An array's channels mean what they are: a fourth one is taken for transparency only on conversion.
    transform = transforms.build(settings._replace(channels=settings.channels or stored.shape[-1]), stored.shape[-1])

    def gather(indices):
        pictures = np.stack([transform(image) for image in stored[indices]])
        return {"image": pictures, **{key: values[indices] for key, values in extra.items()}}

    return Split(len(stored), gather)
