"""Clips on disk: animated GIFs and folders of frames."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxgen.core import Spec, UserError
from jaxgen.data.folder import SUFFIXES
from jaxgen.data.video import gif_frames

RATE = 8
"""Frames per second of films."""


def first(name: str, clip: np.ndarray, spec: Spec) -> np.ndarray:
    """The frames of a clip [T, H, W, C] that a task reads: as many as the spec has, from the start.

    Raises:
      UserError: there are fewer; the clip is named.
    """
    length = spec.shape[0]
    if len(clip) < length:
        raise UserError(f"{name} has {len(clip)} frames; this task reads {length}.")
    return clip[:length]


def read(path: Path, spec: Spec, image: Callable[[Path, Spec], np.ndarray]) -> list[np.ndarray]:
    """Clips from a .gif, a folder of frames, or a folder of .gif files; in the model's size and channels.

    Args:
      image: reads one frame in the size and channels of a spec.

    Raises:
      UserError: nothing to read there, or fewer frames than the spec has.
    """
    if path.is_dir():
        frames = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
        if frames:
            picture = Spec("image", spec.shape[1:])
            return [first(str(path), np.stack([image(file, picture) for file in frames]), spec)]
        films = sorted(file for file in path.iterdir() if file.suffix.lower() == ".gif")
        if not films:
            raise UserError(f"{path} holds neither .gif files nor the frames of a clip ({', '.join(SUFFIXES)}).")
        return [_film(file, spec) for file in films]
    if path.suffix.lower() != ".gif":
        raise UserError(f"{path} is no clip; give a .gif, a folder of frames or of .gif files, or an .npz of clips.")
    return [_film(path, spec)]


def _film(path: Path, spec: Spec) -> np.ndarray:
    _, height, width, channels = spec.shape

    def fit(frame):
        frame = frame.convert("L" if channels == 1 else "RGB")
        frame = frame if frame.size == (width, height) else frame.resize((width, height))
        return np.asarray(frame, np.uint8).reshape(height, width, channels)

    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"There is no file {path}.") from None
    return first(str(path), gif_frames(content, str(path), fit), spec)


def save(frames: Sequence[Any], path: Path) -> None:
    """Pillow images as an endless animated GIF, written beside its place and moved there."""
    part = path.with_name(f".{path.name}.part")
    rest = frames[1:]
    frames[0].save(part, format="GIF", save_all=True, append_images=rest, duration=round(1000 / RATE), loop=0)
    os.replace(part, path)
