"""Image files in a folder, or in a .zip of such a folder, which is read in place."""

import logging
import threading
import zipfile
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from jaxgen.core import UserError
from jaxgen.data import text, transforms
from jaxgen.data.settings import Settings, find
from jaxgen.data.source import Examples, Source, Split, from_arrays, held_out, subset

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
SPLITS = ("train", "test")
CAPTIONS = "captions.tsv"
logger = logging.getLogger(__name__)

Read = Callable[[str], bytes]
Decode = Callable[[str], np.ndarray | None]
WHOLE = (0.0, 1.0)


class Header(NamedTuple):
    """What the first bytes of an image file say."""

    size: tuple[int, int]
    """(width, height), as seen after its orientation tag."""
    channels: int


def open(settings: Settings) -> Source:
    """The images below `settings.path`, sorted by path; `docs/data.md` describes the layout.

    Sets that fit `memory_mb` are decoded here, once; larger ones are decoded batch by batch.

    Raises:
      UserError: nothing there, nothing readable, or differing sizes with `size` = 0.
    """
    path = find(settings.path, "a folder of images or a .zip of one")
    names, read = listing(path)
    names, images, decode = decoded(settings, path, names, read)
    return _source(path, names, read, images, decode)


def decoded(
    settings: Settings, path: Path, names: Sequence[str], read: Read, part: tuple[float, float] = WHOLE
) -> tuple[list[str], np.ndarray | None, Decode]:
    """(names of the readable images, all of them uint8 [N, H, W, C] if they fit `memory_mb`, how to decode one).

    Args:
      path: for messages.
      part: from where to where across its width an image is taken.

    Raises:
      UserError: nothing to read, nothing readable, or differing sizes with `size` = 0.
    """
    if not names:
        raise UserError(f"{path} holds no images ({', '.join(SUFFIXES)}).")
    headers = {name: header for name in names if (header := read_header(read, name))}
    bad = [name for name in names if name not in headers]
    _check_sizes(settings, path, headers)
    channels = max((header.channels for header in headers.values()), default=3)
    transform = transforms.build(settings, channels)
    pixels = {name: transform(Image.new("L", header.size)).size for name, header in list(headers.items())[:1]}
    names = list(headers)
    decode = _decoder(read, transform, part)
    images = None
    if len(names) * max(pixels.values(), default=0) <= settings.memory_mb * 2**20:
        found = {name: image for name in names if (image := decode(name)) is not None}
        bad += [name for name in names if name not in found]
        if len({image.shape for image in found.values()}) > 1:
            raise UserError(f"The images of {path} differ in size once upright; set data.size, e.g. to 64.")
        names, images = list(found), np.stack(list(found.values())) if found else None
    if bad:
        logger.warning("%s: %d of %d images cannot be read, the first is %s", path, len(bad), len(bad + names), bad[0])
    if not names:
        raise UserError(f"{path}: none of the {len(bad)} images can be read; the first is {bad[0]}.")
    return names, images, decode


def _source(path: Path, names: list[str], read: Read, images: np.ndarray | None, decode) -> Source:
    """Splits, classes and captions from the paths of the readable images."""
    prefix, splits = split(names)
    inner = [name.removeprefix(prefix) for name in names]
    if any(name.split("/")[0] in SPLITS for name in inner):
        inner = [name.partition("/")[2] for name in inner]
    classes = tuple(sorted({name.split("/")[0] for name in inner})) if all("/" in name for name in inner) else ()
    extra: Examples = {}
    if classes:
        rank = {name: number for number, name in enumerate(classes)}
        extra["label"] = np.array([rank[name.split("/")[0]] for name in inner], np.int32)
    captions = _captions(read, prefix)
    size = 0
    if captions:
        found = [captions.get(name.removeprefix(prefix), "") for name in names]
        size = text.length(found)
        extra["text"] = text.encode(found, size)
    whole = lazy(names, decode, extra) if images is None else from_arrays(image=images, **extra)
    return Source(path.stem, {name: subset(whole, chosen) for name, chosen in splits.items()}, classes, size)


def split(names: Sequence[str]) -> tuple[str, dict[str, np.ndarray]]:
    """(folders that wrap all of it, split -> indices): by a top folder train or test, else by the hash of the path."""
    prefix = ""
    while True:
        inner = [name.removeprefix(prefix) for name in names]
        tops = {name.split("/")[0] for name in inner}
        if len(tops) > 1 or tops & set(SPLITS) or not all(name.count("/") > 1 for name in inner):
            break
        prefix += tops.pop() + "/"
    if tops & set(SPLITS):
        owner = np.array([name.split("/")[0] if "/" in name else "" for name in inner])
        strays = int(np.sum(~np.isin(owner, SPLITS)))
        if strays:
            logger.warning("%d images lie outside the folders train and test and are left out", strays)
        splits = {split: np.flatnonzero(owner == split) for split in SPLITS}
    else:
        test = np.array([held_out(name) for name in inner])
        if test.all():
            test[:] = False
        splits = {"train": np.flatnonzero(~test), "test": np.flatnonzero(test)}
    return prefix, {name: indices for name, indices in splits.items() if len(indices)}


def listing(path: Path, suffixes: tuple[str, ...] = SUFFIXES) -> tuple[list[str], Read]:
    """Sorted relative paths of the files with those suffixes, and a function that reads a file by relative path.

    Raises:
      UserError: `path` is neither a folder nor a readable .zip.
    """
    if path.is_dir():
        found = [p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file()]
        return _files(found, suffixes), lambda name: (path / name).read_bytes()
    if not zipfile.is_zipfile(path):
        raise UserError(f"{path} is neither a folder nor a readable .zip.")
    archive, lock = zipfile.ZipFile(path), threading.Lock()

    def read(name: str) -> bytes:
        with lock:
            return archive.read(name)

    return _files(archive.namelist(), suffixes), read


def _files(names: Sequence[str], suffixes: tuple[str, ...]) -> list[str]:
    """The files among `names` with one of the suffixes, sorted; hidden files and those of macOS's archiver left out."""

    def shown(name):
        return not any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))

    return sorted(name for name in names if name.lower().endswith(suffixes) and shown(name))


def read_header(read: Read, name: str) -> Header | None:
    """None where the file is no image."""
    try:
        with Image.open(BytesIO(read(name))) as image:
            # Asking a PNG for a tag that is not in its header would decode all of it.
            known = image.format != "PNG" or "exif" in image.info
            turned = known and image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
            return Header(image.size[::-1] if turned else image.size, transforms.channels_of(image.mode))
    except Exception:  # Pillow's plugins raise whatever a damaged file makes them raise
        return None


def _decoder(read: Read, transform: transforms.Transform, part: tuple[float, float]) -> Decode:
    """(relative path) -> uint8 [H, W, C], or None where the file cannot be decoded."""

    def decode(name: str) -> np.ndarray | None:
        try:
            with Image.open(BytesIO(read(name))) as opened:
                image: Image.Image = opened
                if part != WHOLE:
                    image = ImageOps.exif_transpose(opened)
                    left, right = (round(end * image.width) for end in part)
                    image = image.crop((left, 0, right, image.height))
                return transform(image)
        except Exception:
            return None

    return decode


def _check_sizes(settings: Settings, path: Path, headers: dict[str, Header]) -> None:
    if settings.size or not headers:
        return
    first = next(iter(headers))
    for name, header in headers.items():
        if header.size != headers[first].size:
            sizes = [f"{each} is {headers[each].size[0]}x{headers[each].size[1]}" for each in (first, name)]
            raise UserError(f"The images of {path} differ in size ({', '.join(sizes)}); set data.size, e.g. to 64.")


def _captions(read: Read, prefix: str) -> dict[str, str]:
    """Relative path -> caption from the first and last columns of captions.tsv, empty without that file."""
    for folder in dict.fromkeys((prefix, "")):
        try:
            lines = read(folder + CAPTIONS).decode("utf-8-sig").splitlines()
        except (KeyError, OSError):
            continue
        rows = [line.split("\t") for line in lines if "\t" in line]
        return {row[0]: row[-1].strip() for row in rows}
    return {}


def lazy(names: Sequence[str], decode: Decode, extra: Examples) -> Split:
    """Decoded batch by batch. A file that turns out damaged is always replaced by the next readable one."""
    warned: set[str] = set()

    def one(index: int) -> np.ndarray:
        for offset in range(len(names)):
            name = names[(index + offset) % len(names)]
            image = decode(name)
            if image is not None:
                return image
            if not warned:
                logger.warning("%s cannot be read; damaged images are replaced by the next readable one", name)
            warned.add(name)
        raise UserError("None of the images can be read.")

    def gather(indices: np.ndarray) -> Examples:
        images = np.stack([one(int(index)) for index in indices])
        return {"image": images, **{key: values[indices] for key, values in extra.items()}}

    return Split(len(names), gather)
