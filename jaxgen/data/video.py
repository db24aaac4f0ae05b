"""Clips: arrays of clips, long recordings cut into windows, and folders of clips. "video" is uint8 [n, T, H, W, C].

A recording of F frames holds floor((F - T) / hop) + 1 windows of T frames, which start at frames 0, hop, 2 hop, ...
"""

import functools
import logging
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageSequence

from jaxgen.core import UserError
from jaxgen.data import arrays, folder, transforms
from jaxgen.data.settings import Settings, find
from jaxgen.data.source import Examples, Source, Split

NAMES = ("videos", "video", "clips", "clip")
GIF = (".gif",)
WHAT = "an .npz of clips [N, T, H, W, C] or of recordings [T, H, W], or a folder of clips"
logger = logging.getLogger(__name__)


class Clip(NamedTuple):
    """A recording, of which windows are cut."""

    name: str
    frames: int
    read: Callable[[int, int], np.ndarray]
    """(first, stop) -> frames uint8 [stop - first, H, W, C] after the transforms."""


def open(settings: Settings) -> Source:
    """Clips of `settings.frames` frames below `settings.path`; `docs/data.md` describes the layouts.

    Raises:
      UserError: nothing there, arrays of another rank or type, clips of differing length with `frames` = 0, or shorter
        than `frames`.
    """
    path = find(settings.path, WHAT)
    if path.is_dir() or path.suffix == ".zip":
        return _folder(settings, path)
    held = arrays.read(path)
    named = {split: arrays.pair(held, split, NAMES) for split in ("", *arrays.SPLITS)}
    named = {split: found for split, found in named.items() if found}
    return _clips(settings, path, named) if named else _recordings(settings, path, held)


def holds_clips(path: str) -> bool:
    """Whether an .npz or .npy looks like this module's rather than like images, by the names in it."""
    held = arrays.read(find(path, WHAT), names_only=True)
    return not any(arrays.pair(held, split) for split in ("", *arrays.SPLITS))


def windows(settings: Settings, where: str, clips: Sequence[Clip], **extra: np.ndarray) -> Split:
    """All windows of the clips, one clip after the other; `extra` holds one value per clip.

    Raises:
      UserError: a clip is shorter than asked (it is named), or lengths differ and none is asked for.
    """
    length = settings.frames or min(clip.frames for clip in clips)
    if not settings.frames and length != max(clip.frames for clip in clips):
        ends = [pick(clips, key=lambda clip: clip.frames) for pick in (min, max)]
        said = ", ".join(f"{clip.name} has {clip.frames} frames" for clip in ends)
        raise UserError(f"The clips of {where} differ in length ({said}); set data.frames, e.g. to {length}.")
    short = [clip for clip in clips if clip.frames < length]
    if short:
        more = f" and {len(short) - 1} more are too short" if len(short) > 1 else ""
        raise UserError(
            f"data.frames asks for clips of {length} frames, but {short[0].name} of {where} has {short[0].frames}"
            f"{more}; set it lower."
        )
    places = [(i, start) for i, clip in enumerate(clips) for start in range(0, clip.frames - length + 1, settings.hop)]
    owner, starts = np.array(places).T

    def gather(indices: np.ndarray) -> Examples:
        cut = [clips[owner[i]].read(int(starts[i]), int(starts[i]) + length) for i in indices]
        if len({frames.shape for frames in cut}) > 1:
            raise UserError(f"The clips of {where} differ in size; set data.size, e.g. to 64.")
        return {"video": np.stack(cut), **{key: values[owner[indices]] for key, values in extra.items()}}

    return Split(len(places), gather)


def frames_of(stored: np.ndarray, settings: Settings) -> np.ndarray:
    """The transforms of `data.transforms` on every frame of uint8 [T, H, W, C]."""
    channels = stored.shape[-1]
    # As for images in arrays, a fourth channel is taken for transparency only on conversion.
    transform = transforms.build(settings._replace(channels=settings.channels or channels), channels)
    return np.stack([transform(frame) for frame in stored])


def _clip(name: str, stored: np.ndarray, settings: Settings) -> Clip:
    return Clip(name, len(stored), lambda first, stop: frames_of(stored[first:stop], settings))


def _clips(settings: Settings, path: Path, named: dict) -> Source:
    """Arrays [N, T, H, W, C]. One without a split's name is "all", and every tenth of its clips "test"."""
    classes, numbers = _classes(settings, path, named)
    splits = {}
    for split, (videos, _) in named.items():
        if videos.dtype != np.uint8 or videos.ndim not in (4, 5) or 0 in videos.shape:
            raise UserError(
                f"The clips of {path} are {videos.dtype} {list(videos.shape)};"
                " they must be uint8 [N, T, H, W, C] or [N, T, H, W]."
            )
        videos = videos if videos.ndim == 5 else videos[..., None]
        test = np.arange(len(videos)) % arrays.SHARE == arrays.SHARE - 1
        parts = {split: np.arange(len(videos))} if split else {"all": np.arange(len(videos))}
        if not split:
            parts |= {"train": np.flatnonzero(~test), "test": np.flatnonzero(test)}
        for name, indices in parts.items():
            if len(indices):
                clips = [_clip(f"clip {i}", videos[i], settings) for i in indices]
                extra = {"label": numbers[split][indices]} if classes else {}
                splits[name] = windows(settings, str(path), clips, **extra)
    return Source(path.stem, splits, classes)


def _classes(settings: Settings, path: Path, named: dict) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
    """Class names and int32 labels per split: a plain label, or the columns `settings.label` of a table of labels.

    Several columns make one class of each combination of values, numbered in the order of the values.
    """
    found = {split: labels for split, (_, labels) in named.items() if labels is not None}
    for split, labels in found.items():
        if len(labels) != len(named[split][0]):
            raise UserError(f"{path} holds {len(named[split][0])} clips but {len(labels)} labels.")
    if len(found) < len(named) or not all(labels.dtype.kind in "iu" for labels in found.values()):
        if settings.label:
            raise UserError(
                f"data.label is {settings.label}, but {path} holds no whole-number labels for all its clips."
            )
        return (), {}
    width = min(labels[0].size for labels in found.values())
    if width > 1 and not settings.label:
        logger.warning("%s: labels have %d columns and are ignored; data.label chooses some", path, width)
        return (), {}
    columns = list(settings.label) or [0]
    if not all(0 <= column < width for column in columns):
        raise UserError(f"data.label names columns 0 to {width - 1} of the labels of {path}, not {settings.label}.")
    chosen = {split: labels.reshape(len(labels), -1)[:, columns] for split, labels in found.items()}
    kinds, numbers = np.unique(np.concatenate(list(chosen.values())), axis=0, return_inverse=True)
    ends = np.cumsum([len(values) for values in chosen.values()])[:-1]
    parts = np.split(numbers.reshape(-1).astype(np.int32), ends)
    return tuple(" ".join(str(value) for value in kind) for kind in kinds), dict(zip(chosen, parts))


def _recordings(settings: Settings, path: Path, held: dict[str, np.ndarray]) -> Source:
    """Arrays [T, H, W] or [T, H, W, C], each a split by its own name; "test" is the last, "train" all others."""
    clips = {}
    for name, stored in held.items():
        if stored.dtype != np.uint8 or stored.ndim not in (3, 4) or 0 in stored.shape:
            raise UserError(
                f"{path}: {name} is {stored.dtype} {list(stored.shape)}; a recording must be uint8 [T, H, W] or "
                f"[T, H, W, C], and an array of clips [N, T, H, W, C] be called {', '.join(NAMES)}."
            )
        # Transformed once: its windows overlap.
        frames = frames_of(stored if stored.ndim == 4 else stored[..., None], settings)
        clips[name] = Clip(name, len(frames), lambda first, stop, frames=frames: frames[first:stop])  # type: ignore[misc]
    groups = {name: [clip] for name, clip in clips.items()}
    every = list(clips.values())
    groups = {"train": every[:-1] or every, "test": every[-1:]} | groups
    return Source(path.stem, {name: windows(settings, str(path), group) for name, group in groups.items()})


def _folder(settings: Settings, path: Path) -> Source:
    """A clip is a .gif, or a folder that holds its frames as images, in the order of their names (2 before 10).

    Splits and classes are made from the clips' paths as `folder.open` makes them from those of images.
    """
    images, read = folder.listing(path)
    gifs, _ = folder.listing(path, GIF)
    members: dict[str, list[str]] = {}
    for name in images:
        members.setdefault(name.rpartition("/")[0], []).append(name)
    if "" in members:
        raise UserError(
            f"{path} holds images beside its clips ({members[''][0]}); put the frames of each into a folder."
        )
    found = {name: _of_frames(name, sorted(files, key=_natural), read, settings) for name, files in members.items()}
    found |= {name: _of_gif(name, read, settings) for name in gifs}
    if not found:
        raise UserError(f"{path} holds no clips: neither .gif files nor folders of images.")
    names = sorted(found)
    prefix, splits = folder.split(names)
    inner = [name.removeprefix(prefix) for name in names]
    if any(name.split("/")[0] in folder.SPLITS for name in inner):
        inner = [name.partition("/")[2] for name in inner]
    classes = tuple(sorted({name.split("/")[0] for name in inner})) if all("/" in name for name in inner) else ()
    made = {}
    for split, indices in splits.items():
        extra = {}
        if classes:
            extra["label"] = np.array([classes.index(inner[i].split("/")[0]) for i in indices], np.int32)
        made[split] = windows(settings, str(path), [found[names[i]] for i in indices], **extra)
    return Source(path.stem, made, classes)


def _natural(name: str) -> tuple:
    """Runs of digits compare as numbers, so frame 2 comes before frame 10."""
    parts: list[str] = []
    for letter in name:
        if parts and parts[-1].isdigit() == letter.isdigit():
            parts[-1] += letter
        else:
            parts.append(letter)
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in parts)


def _of_frames(name: str, files: list[str], read: folder.Read, settings: Settings) -> Clip:
    with _picture(name, files[0], read) as first:
        channels = transforms.channels_of(first.mode)
    transform = transforms.build(settings, channels)

    def cut(start: int, stop: int) -> np.ndarray:
        frames = []
        for file in files[start:stop]:
            with _picture(name, file, read) as image:
                frames.append(transform(image))
        return _stack(frames, name)

    return Clip(name, len(files), cut)


def _picture(clip: str, file: str, read: folder.Read) -> Image.Image:
    try:
        image = Image.open(BytesIO(read(file)))
        image.load()
        return image
    except Exception as error:  # Pillow's plugins raise whatever a damaged file makes them raise
        raise UserError(f"{file}, a frame of the clip {clip}, cannot be read: {error}.") from None


def _of_gif(name: str, read: folder.Read, settings: Settings) -> Clip:
    @functools.lru_cache(maxsize=1)
    def whole() -> np.ndarray:
        return gif_frames(read(name), name, transforms.build(settings, 3))

    return Clip(name, len(whole()), lambda start, stop: whole()[start:stop])


def gif_frames(content: bytes, name: str, transform: transforms.Transform) -> np.ndarray:
    """Frames uint8 [T, H, W, C] of an animated GIF.

    A frame shown longer than the shortest counts as many times: writers join equal frames into one.

    Raises:
      UserError: it cannot be read.
    """
    try:
        with Image.open(BytesIO(content)) as image:
            shown = [(frame.convert("RGBA"), frame.info.get("duration", 0)) for frame in ImageSequence.Iterator(image)]
    except Exception as error:
        raise UserError(f"{name} cannot be read as an animated GIF: {error}.") from None
    shortest = min((time for _, time in shown if time), default=0)
    counts = [max(1, round(time / shortest)) if shortest else 1 for _, time in shown]
    return _stack([transform(frame) for (frame, _), count in zip(shown, counts) for _ in range(count)], name)


def _stack(frames: list[np.ndarray], name: str) -> np.ndarray:
    if len({frame.shape for frame in frames}) > 1:
        raise UserError(f"The frames of the clip {name} differ in size; set data.size, e.g. to 64.")
    return np.stack(frames)
