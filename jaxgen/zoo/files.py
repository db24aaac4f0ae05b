"""Reading a task's inputs from files and writing its outputs: how each kind of `Spec` looks on disk."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxgen.core import Spec, Task, UserError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")


def read_inputs(task: Task, items: Sequence[str], held_out: Any = None) -> dict[str, np.ndarray]:
    """Arrays for a task from command-line items.

    Each item is a file, a folder, an .npz with one array, "test:N" or "test:A-B" (examples of the held-out split, from
    the function `held_out(first, stop)`), or "name=item" for one named input. Items without a name fill the task's
    image inputs in turn: with inputs (image, other), files 1, 3, ... are `image`.

    Raises:
      UserError: unknown input name, unreadable file, or inputs of different lengths.
    """
    pixels = [name for name, spec in task.inputs.items() if spec.kind in ("image", "video")]
    named: dict[str, list[np.ndarray]] = {}
    loose: list[np.ndarray] = []
    for item in items:
        name, equals, rest = item.partition("=")
        if equals and name in task.inputs:
            named.setdefault(name, []).extend(_read(rest, task.inputs[name], held_out))
        elif equals and not Path(item).exists():
            raise UserError(f"This task has no input {name!r}; its inputs are {', '.join(task.inputs)}.")
        elif pixels:
            loose += _read(item, task.inputs[pixels[0]], held_out)
        else:
            raise UserError(f"This task reads no images, so {item!r} has no use; its inputs are {list(task.inputs)}.")
    free = [name for name in pixels if name not in named]
    if loose and len(loose) % max(len(free), 1):
        raise UserError(
            f"{len(loose)} images cannot be dealt to the inputs {', '.join(free)}: give a multiple of {len(free)}."
        )
    for index, name in enumerate(free):
        if loose:
            named[name] = loose[index :: len(free)]
    missing = [name for name in pixels if name not in named]
    if missing:
        raise UserError(f"This task needs --input for {', '.join(missing)} (files, a folder, or test:8).")
    arrays = {name: np.stack(values) for name, values in named.items()}
    count = max((len(value) for value in arrays.values()), default=0)
    for name, value in arrays.items():
        if len(value) == 1 and count > 1:
            arrays[name] = np.repeat(value, count, axis=0)
        elif len(value) != count:
            raise UserError(f"Input {name!r} has {len(value)} examples where another has {count}.")
    return arrays


def _read(item: str, spec: Spec, held_out) -> list[np.ndarray]:
    if item.startswith("test:"):
        return _held_out(item, held_out)
    if spec.kind == "label":
        return [np.asarray(part, np.int32) for part in whole_numbers(item, spec)]
    path = Path(item)
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
        if not files:
            raise UserError(f"{path} holds no images ({', '.join(SUFFIXES)}).")
        return [_image(file, spec) for file in files]
    if path.suffix == ".npz":
        return _npz(path, spec)
    return [_image(path, spec)]


def whole_numbers(item: str, spec: Spec) -> list[int]:
    try:
        numbers = [int(part) for part in item.split(",")]
    except ValueError:
        raise UserError(f"Labels are whole numbers separated by commas, not {item!r}.") from None
    bad = [number for number in numbers if spec.high is not None and not 0 <= number < spec.high]
    if bad:
        raise UserError(f"Label {bad[0]} is outside 0 ... {spec.high - 1}.")  # type: ignore[operator]
    return numbers


def _held_out(item: str, held_out) -> list[np.ndarray]:
    first, dash, stop = item.removeprefix("test:").partition("-")
    try:
        bounds = (int(first), int(stop)) if dash else (0, int(first))
    except ValueError:
        raise UserError(f"{item!r} should read test:N or test:A-B.") from None
    if held_out is None:
        raise UserError(f"{item!r} needs the run's data set, which is not at hand.")
    return list(held_out(*bounds))


def _npz(path: Path, spec: Spec) -> list[np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            array = file[file.files[0]]
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise UserError(f"{path} cannot be read as an .npz file: {error}.") from None
    if array.shape[1:] != spec.shape or (spec.kind == "image" and array.dtype != np.uint8):
        raise UserError(f"{path} holds {array.dtype} {array.shape[1:]}; this model takes uint8 {spec.shape}.")
    return list(array)


def _image(path: Path, spec: Spec) -> np.ndarray:
    """One image or mask file in the model's size and channels. Masks: white is kept (1)."""
    from PIL import Image, UnidentifiedImageError

    height, width, channels = spec.shape
    try:
        with Image.open(path) as opened:
            image = opened.convert("RGBA") if "A" in opened.getbands() or opened.mode == "P" else opened.copy()
    except FileNotFoundError:
        raise UserError(f"There is no file {path}.") from None
    except (UnidentifiedImageError, OSError) as error:
        raise UserError(f"{path} cannot be read as an image: {error}.") from None
    if image.mode == "RGBA":
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    image = image.convert("L" if channels == 1 else "RGB")
    if image.size != (width, height):
        mask = spec.kind == "mask"
        image = image.resize((width, height), Image.Resampling.NEAREST if mask else Image.Resampling.BICUBIC)
    pixels = np.asarray(image, np.uint8).reshape(height, width, channels)
    return (pixels >= 128).astype(np.float32) if spec.kind == "mask" else pixels


def default_inputs(task: Task, count: int) -> dict[str, np.ndarray]:
    """Labels in turn (0, 1, ..., high - 1, 0, ...) for every label input."""
    return {
        name: np.arange(count, dtype=np.int32) % (spec.high or 1)
        for name, spec in task.inputs.items()
        if spec.kind == "label"
    }


def write_images(out: Path, images: np.ndarray, start: int = 0) -> list[Path]:
    """Images uint8 [N, H, W, C] to `out`: .png is one grid, .npz one array `images`, anything else a folder of PNGs.

    Files are written beside their place and moved there, so none is ever half written.

    Raises:
      UserError: no permission, or a suffix that is neither.
    """
    from jaxgen.training import pictures

    out = Path(out)
    try:
        if out.suffix == ".npz":
            out.parent.mkdir(parents=True, exist_ok=True)
            part = out.with_name(f".{out.name}.part.npz")
            np.savez_compressed(part, images=images)
            os.replace(part, out)
            return [out]
        if out.suffix == ".png":
            out.parent.mkdir(parents=True, exist_ok=True)
            save_picture(pictures.grid(images), out)
            return [out]
        if out.suffix:
            raise UserError(f"--out {out} should end in .png (a grid) or .npz (one array), or name a folder.")
        out.mkdir(parents=True, exist_ok=True)
        from PIL import Image

        files = []
        for index, image in enumerate(images):
            files.append(out / f"{start + index:06d}.png")
            save_picture(Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image), files[-1])
        return files
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror or error}.") from None


def save_picture(image, path: Path) -> None:
    part = path.with_name(f".{path.name}.part")
    image.save(part, format="PNG")
    os.replace(part, path)


def write_values(out: Path, values: Mapping[str, np.ndarray]) -> list[Path]:
    """Numbers per example to a .json or .npz file."""
    out = Path(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if out.suffix == ".npz":
            part = out.with_name(f".{out.name}.part.npz")
            np.savez_compressed(part, **dict(values))  # type: ignore[arg-type]
        elif out.suffix == ".json":
            part = out.with_name(f".{out.name}.part")
            part.write_text(json.dumps({name: value.tolist() for name, value in values.items()}, indent=1) + "\n")
        else:
            raise UserError(f"--out {out} should end in .json or .npz: this task returns numbers.")
        os.replace(part, out)
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror or error}.") from None
    return [out]
