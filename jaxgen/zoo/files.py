"""Reading a task's inputs from files and writing its outputs: how each kind of `Spec` looks on disk."""

import functools
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxgen.core import Spec, Task, UserError
from jaxgen.zoo import films

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")


def read_inputs(task: Task, items: Sequence[str], held_out: Any = None) -> dict[str, np.ndarray]:
    """Arrays for a task from command-line items.

    Each item is a file, a folder, an .npz with one array, "test:N" or "test:A-B" (examples of the held-out split, from
    the function `held_out(first, stop, name of the input)`), or "name=item" for one named input. Items without a name
    fill the task's image inputs in turn: with inputs (image, other), files 1, 3, ... are `image`.

    Raises:
      UserError: unknown input name, unreadable file, or inputs of different lengths.
    """

    def read(item: str, name: str) -> list[np.ndarray]:
        return _read(item, task.inputs[name], held_out and functools.partial(held_out, name=name))

    pixels = [name for name, spec in task.inputs.items() if spec.kind in ("image", "video")]
    named: dict[str, list[np.ndarray]] = {}
    loose: list[Callable[[str], np.ndarray]] = []
    for item in items:
        name, equals, rest = item.partition("=")
        if equals and name in task.inputs:
            named.setdefault(name, []).extend(read(rest, name))
        elif equals and not Path(item).exists():
            raise UserError(f"This task has no input {name!r}; its inputs are {', '.join(task.inputs)}.")
        elif pixels:
            loose += _each(item, pixels[0], read, task.inputs[pixels[0]].kind)
        else:
            raise UserError(f"This task reads no images, so {item!r} has no use; its inputs are {list(task.inputs)}.")
    free = [name for name in pixels if name not in named]
    if loose and len(loose) % max(len(free), 1):
        raise UserError(
            f"{len(loose)} images cannot be dealt to the inputs {', '.join(free)}: give a multiple of {len(free)}."
        )
    for index, name in enumerate(free):
        if loose:
            named[name] = [one(name) for one in loose[index :: len(free)]]
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


def _each(item: str, first: str, read, kind: str) -> list[Callable[[str], np.ndarray]]:
    """One function (name of an input) -> array per example of an item: files as large as the input is, and arrays."""
    files = listed(item) if kind == "image" else []
    if files and all(Path(file).suffix.lower() in SUFFIXES for file in files):
        return [lambda name, file=file: read(file, name)[0] for file in files]  # type: ignore[misc]
    return [lambda name, array=array: array for array in read(item, first)]  # type: ignore[misc]


def _read(item: str, spec: Spec, held_out) -> list[np.ndarray]:
    if item.startswith("test:"):
        examples = held_out_images(item, held_out)
        return [films.first(item, clip, spec) for clip in examples] if spec.kind == "video" else examples
    if spec.kind in ("label", "index"):
        return [np.asarray(part, np.int32) for part in whole_numbers(item, spec)]
    if spec.kind == "scalar" or (spec.kind == "latent" and not Path(item).exists()):
        return _numbers(item, spec)
    path = Path(item)
    if spec.kind == "video" and path.suffix != ".npz":
        return films.read(path, spec, _image)
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
        if not files:
            raise UserError(f"{path} holds no images ({', '.join(SUFFIXES)}).")
        return [_image(file, spec) for file in files]
    if path.suffix == ".npz":
        return _npz(path, spec)
    return [_image(path, spec)]


def _numbers(item: str, spec: Spec) -> list[np.ndarray]:
    """Numbers separated by commas, so many for each example as the input has."""
    each = int(np.prod(spec.shape))
    try:
        values = np.array([float(part) for part in item.split(",")], np.float32)
    except ValueError:
        raise UserError(f"Numbers are separated by commas, as in 0,0.5,1; {item!r} is not written so.") from None
    if len(values) % each:
        raise UserError(f"{item!r} has {len(values)} numbers where every example takes {each}.")
    return list(values.reshape(-1, *spec.shape))


def files_of(task: Task, items: Sequence[str]) -> dict[str, list[str]]:
    """The files that `read_inputs` would read for each image input, folders opened."""
    named: dict[str, list[str]] = {}
    loose: list[str] = []
    for item in items:
        name, equals, rest = item.partition("=")
        found = listed(rest if equals and name in task.inputs else item)
        (named.setdefault(name, []) if equals and name in task.inputs else loose).extend(found)
    free = [name for name, spec in task.inputs.items() if spec.kind in ("image", "video") and name not in named]
    return {**named, **{name: loose[index :: len(free)] for index, name in enumerate(free)}}


def listed(item: str) -> list[str]:
    path = Path(item)
    if not path.is_dir():
        return [item]
    return [str(file) for file in sorted(path.iterdir()) if file.suffix.lower() in SUFFIXES]


def whole_numbers(item: str, spec: Spec) -> list[int]:
    try:
        numbers = [int(part) for part in item.split(",")]
    except ValueError:
        raise UserError(f"Labels are whole numbers separated by commas, not {item!r}.") from None
    bad = [number for number in numbers if spec.high is not None and not 0 <= number < spec.high]
    if bad:
        raise UserError(f"Label {bad[0]} is outside 0 ... {spec.high - 1}.")  # type: ignore[operator]
    return numbers


def held_out_images(item: str, held_out) -> list[np.ndarray]:
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
    if spec.kind == "video" and array.ndim == 5 and array.shape[2:] == spec.shape[1:] and array.dtype == np.uint8:
        return [films.first(f"{path}, clip {number},", clip, spec) for number, clip in enumerate(array)]
    if array.shape[1:] != spec.shape or (spec.kind in ("image", "video") and array.dtype != np.uint8):
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
    """Labels and indices in turn (0, 1, ..., high - 1, 0, ...), and what has a default."""
    turns = {
        name: np.arange(count, dtype=np.int32) % (spec.high or 1)
        for name, spec in task.inputs.items()
        if spec.kind in ("label", "index")
    }
    filled = {
        name: np.full((count, *spec.shape), spec.default, np.float32)
        for name, spec in task.inputs.items()
        if spec.default is not None
    }
    return turns | filled


def write_images(out: Path, images: np.ndarray, start: int = 0) -> list[Path]:
    """Images uint8 [N, H, W, C] to `out`: .png is one grid (or one large image), .npz one array `images`, anything else
    a folder of PNGs.

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
            alone = len(images) == 1 and max(images.shape[1:3]) >= pictures.TILE
            save_picture(_picture(images[0]) if alone else pictures.grid(images), out)
            return [out]
        if out.suffix:
            raise UserError(f"--out {out} should end in .png (a grid) or .npz (one array), or name a folder.")
        out.mkdir(parents=True, exist_ok=True)
        files = []
        for index, image in enumerate(images):
            files.append(out / f"{start + index:06d}.png")
            save_picture(_picture(image), files[-1])
        return files
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror or error}.") from None


def _picture(image: np.ndarray) -> Any:
    """uint8 [H, W, 1 or 3] as a Pillow image."""
    from PIL import Image

    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def write_videos(out: Path, clips: np.ndarray, start: int = 0) -> list[Path]:
    """Clips uint8 [N, T, H, W, C] to `out`: .gif is one film with all clips, .png a contact strip with a row per clip,
    .npz one array `videos`, anything else a folder of GIFs.

    Raises:
      UserError: no permission, or another suffix.
    """
    from jaxgen.training import pictures

    out = Path(out)
    if out.suffix not in (".gif", ".png", ".npz", ""):
        raise UserError(
            f"--out {out} should end in .gif (a film), .png (a strip) or .npz (one array), or name a folder of films."
        )
    try:
        (out.parent if out.suffix else out).mkdir(parents=True, exist_ok=True)
        if out.suffix == ".npz":
            part = out.with_name(f".{out.name}.part.npz")
            np.savez_compressed(part, videos=clips)
            os.replace(part, out)
        elif out.suffix == ".png":
            save_picture(pictures.strip(clips), out)
        elif out.suffix == ".gif":
            films.save(pictures.animation(clips), out)
        else:
            files = [out / f"{start + index:06d}.gif" for index in range(len(clips))]
            for file, clip in zip(files, clips):
                films.save(pictures.animation(clip[None]), file)
            return files
        return [out]
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror or error}.") from None


WRITERS = {"image": write_images, "video": write_videos}
"""How the pixels of each kind are written."""


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
