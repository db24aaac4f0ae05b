"""Sets prepared by tensorflow-datasets as array_record, read at random without TensorFlow."""

import functools
import hashlib
import os
from pathlib import Path

import numpy as np

from jaxgen.core import UserError, suggest
from jaxgen.data import transforms
from jaxgen.data.recipes import RECIPES, cache_root, from_files, manual_folders, own_cache
from jaxgen.data.settings import Settings
from jaxgen.data.source import Examples, Source, Split, in_memory

MARK = "dataset_info.json"


def open(settings: Settings, known: tuple[str, ...] = ()) -> Source:
    """The set `settings.name`: "mnist", "name/config" or "name:1.0.0".

    It is looked for in `settings.path` (a data_dir, or the folder of one version), TFDS_DATA_DIR, jaxgen's cache and
    ~/tensorflow_datasets. A set of `recipes.RECIPES` whose official files are at hand is prepared on the way.

    Args:
      known: names of data sets that need no preparation, for the error message.

    Raises:
      UserError: unknown or unprepared set, tfrecord files, no uint8 images, differing image sizes.
    """
    import tensorflow_datasets as tfds

    folder = find(settings.name, roots(settings.path)) or _prepare_here(settings, known)
    builder = tfds.builder_from_directory(str(folder))
    formats = {item.value for item in builder.info.available_file_formats()}
    if "array_record" not in formats:
        raise UserError(
            f"{folder} is prepared as {', '.join(sorted(formats))}, which only TensorFlow can read; convert it once"
            f" with `tfds convert_format --dataset_version_dir={folder} --out_file_format=array_record`."
        )
    image, label = _features(builder.info.features, settings.name)
    channels = builder.info.features[image].shape[-1] or 3
    transform = transforms.build(settings, channels)
    classes = tuple(builder.info.features[label].names) if label else ()

    def split(name: str, size: int) -> Split:
        source = functools.cache(lambda: builder.as_data_source(name))

        def gather(indices: np.ndarray) -> Examples:
            rows = source().__getitems__([int(index) for index in indices])
            images = [transform(row[image]) for row in rows]
            if len({each.shape for each in images}) > 1:
                raise UserError(f"The images of {settings.name!r} differ in size; set data.size, e.g. to 64.")
            labels = {"label": np.array([row[label] for row in rows], np.int32)} if label else {}
            return {"image": np.stack(images), **labels}

        return Split(size, gather)

    def kept(name: str, whole: Split) -> Split:
        stamp = (folder / MARK).stat().st_mtime_ns
        look = (settings.size, settings.resize, settings.channels, settings.background, settings.pad)
        key = hashlib.sha256(repr((str(folder.resolve()), stamp, name, look)).encode()).hexdigest()[:24]
        return in_memory(whole, settings.memory_mb * 2**20, file=own_cache() / "decoded" / f"{key}.npz")

    splits = {name: split(name, found.num_examples) for name, found in builder.info.splits.items()}
    first = next(iter(splits.values()))
    first.gather(np.arange(min(first.size, 8)))  # differing sizes show here, not in the middle of a run
    return Source(builder.name, {name: kept(name, whole) for name, whole in splits.items()}, classes)


def roots(path: str) -> list[Path]:
    """Folders that may hold prepared sets, best first."""
    if path:
        return [Path(path).expanduser(), Path(os.environ.get("JAXGEN_DATA", ".")) / path]
    return [cache_root(), own_cache() / "tensorflow_datasets", Path("~/tensorflow_datasets").expanduser()]


def find(name: str, folders: list[Path]) -> Path | None:
    """The folder of the newest prepared version of `name`, or of the version it names."""
    full, _, version = name.partition(":")
    for root in folders:
        if (root / MARK).is_file():
            return root
        base = root / full
        found = [path.parent for path in base.glob(f"*/{MARK}")]
        if not found:
            found = [path.parent for path in base.glob(f"*/*/{MARK}")]
            configs = sorted({path.parent.name for path in found})
            if len(configs) > 1:
                raise UserError(f"{base} holds several configurations; write data.name={full}/{configs[0]} or another.")
        found = [path for path in found if path.name == version or not version]
        if found:
            return max(found, key=lambda path: [int(part) if part.isdigit() else -1 for part in path.name.split(".")])
    return None


def _prepare_here(settings: Settings, known: tuple[str, ...]) -> Path:
    """Prepare a set that is not there yet, or say what to do."""
    import tensorflow_datasets as tfds

    name = settings.name.partition(":")[0]
    if name in RECIPES:
        folders = manual_folders(name, settings.path)
        made = from_files(name, cache_root(), folders)
        if made:
            return made
        places = " or ".join(str(folder) for folder in folders) or f"$JAXGEN_DATA/{name}"
        raise UserError(
            f"The data set {name!r} is not prepared: run `jaxgen data prepare {name}`, which downloads it, or put"
            f" {', '.join(RECIPES[name].files)} into {places}."
        )
    names = tfds.list_builders(with_community_datasets=False)
    if name.partition("/")[0] in names:
        looked = ", ".join(dict.fromkeys(str(folder) for folder in roots(settings.path)))
        raise UserError(
            f"The data set {name!r} is not prepared (looked in {looked}): run `tfds build {name}"
            " --file_format=array_record` in an environment with TensorFlow, and set data.path or TFDS_DATA_DIR."
        )
    hint = suggest(name, {*known, *RECIPES})
    if "Did you mean" not in hint:
        far = suggest(name, names)
        hint = (far if "Did you mean" in far else hint) + " Any prepared tensorflow-datasets name serves too."
    raise UserError(f"Unknown data set {name!r}.{hint}")


def _features(features, name: str) -> tuple[str, str]:
    """Keys of the image and of its class ("" without one)."""
    import tensorflow_datasets as tfds

    images = [key for key, feature in features.items() if isinstance(feature, tfds.features.Image)]
    labels = [key for key, feature in features.items() if isinstance(feature, tfds.features.ClassLabel)]
    if not images:
        raise UserError(f"The data set {name!r} holds no images; its features are {', '.join(features)}.")
    image = "image" if "image" in images else images[0]
    if features[image].np_dtype != np.uint8:
        raise UserError(f"The images of {name!r} are {features[image].np_dtype}; only uint8 images are read.")
    return image, "label" if "label" in labels else (labels or [""])[0]
