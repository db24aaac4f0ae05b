"""The keys of `config.data`, checked once."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jaxgen.core import UserError, suggest

RESIZES = ("crop", "stretch", "pad")


class Settings(NamedTuple):
    """`config.data` with every key present. Their meanings stand in `jaxgen.zoo.defaults`: `base`, `clips`, `pairs`,
    `photographs`, `sketched`."""

    name: str = "digits"
    path: str = ""
    train: str = "train"
    test: str = "test"
    size: int = 0
    resize: str = "crop"
    channels: int = 0
    background: int = 255
    pad: int = 0
    flip: bool = False
    random_crop: int = 0
    swap_channels: bool = False
    workers: int = 0
    memory_mb: int = 2048
    frames: int = 0
    hop: int = 1
    label: tuple[int, ...] = ()
    digits: int = 2
    target: str = ""
    common_names: bool = False
    drawing: str = "edges"
    style: str = ""
    shape: tuple[int, ...] = ()
    short: int = 0
    hold: tuple[str, ...] = ()
    test_path: str = ""
    turn: bool = False


def parse(section: Mapping[str, Any]) -> Settings:
    """Settings from a config section.

    Raises:
      UserError: an unknown key, or a value out of range.
    """
    given = dict(section)
    for key in given:
        if key not in Settings._fields:
            raise UserError(f"Unknown key data.{key}.{suggest(str(key), Settings._fields)}")
    settings = Settings(**given)
    if settings.resize not in RESIZES:
        raise UserError(f"data.resize is {settings.resize!r}.{suggest(str(settings.resize), RESIZES)}")
    if settings.channels not in (0, 1, 3):
        raise UserError(f"data.channels is {settings.channels}; it must be 1 (grey), 3 (RGB) or 0 (as stored).")
    if not 0 <= settings.background <= 255:
        raise UserError(f"data.background is {settings.background}; it must be a grey level from 0 to 255.")
    for key in ("size", "pad", "random_crop", "workers", "memory_mb", "frames", "short"):
        if getattr(settings, key) < 0:
            raise UserError(f"data.{key} is {getattr(settings, key)}; it must not be negative.")
    for key in ("hop", "digits"):
        if getattr(settings, key) < 1:
            raise UserError(f"data.{key} is {getattr(settings, key)}; it must be at least 1.")
    return settings


def find(path: str, what: str, key: str = "data.path") -> Path:
    """An existing file or folder: `path` itself, else the same below the folder named by JAXGEN_DATA.

    Args:
      what: what should be there, and `key` where the path was set, for messages.

    Raises:
      UserError: `path` is empty, or nothing is there.
    """
    if not path:
        raise UserError(f"{key} is empty; set it to {what}.")
    root = os.environ.get("JAXGEN_DATA", "")
    own = Path(path).expanduser()
    tried = [own] if own.is_absolute() or not root else [own, Path(root) / path]
    for candidate in tried:
        if candidate.exists():
            return candidate
    hint = "" if root else " (JAXGEN_DATA is not set)"
    raise UserError(f"{key}: there is nothing at {' or at '.join(map(str, tried))}{hint}; it must be {what}.")
