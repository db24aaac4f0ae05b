"""Preparing sets for tensorflow-datasets without TensorFlow.

The official files of MNIST, Fashion-MNIST, KMNIST (idx) and CIFAR-10, CIFAR-100 (binary) are read by hand and written
as array_record in the layout, feature names and example order of tensorflow-datasets' own builders, so slices such as
"train[:90%]" hold the same examples however a set was prepared. Pickled files are never opened.
"""

import contextlib
import gzip
import hashlib
import io
import logging
import os
import shutil
import struct
import tarfile
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from jaxgen.core import UserError, choose

logger = logging.getLogger(__name__)

Tables = dict[str, dict[str, np.ndarray]]
"""split -> {"image": uint8 [n, H, W, C], "label": int [n], ...}"""

FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
KMNIST = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


class Missing(Exception):
    """A folder does not hold the official files."""


class Recipe(NamedTuple):
    """How a set is made from its official files."""

    version: str
    shape: tuple[int, int, int]
    files: tuple[str, ...]
    read: Callable[[Path], tuple[Tables, dict[str, tuple[str, ...]]]]
    """(folder) -> tables, and the names of each label feature; raises Missing."""
    ids: bool = False
    """Write the text feature "id"."""


def read_idx(data: bytes, where: str) -> np.ndarray:
    """An idx file of unsigned bytes -> uint8 array of the shape in its header.

    Raises:
      UserError: the header or the length is wrong.
    """
    good = len(data) >= 4 and data[:3] == b"\0\0\x08"
    if good:
        head = 4 + 4 * data[3]
        shape = struct.unpack(f">{data[3]}i", data[4:head]) if len(data) >= head else ()
        good = len(shape) > 0 and len(data) == head + int(np.prod(shape))
    if not good:
        raise UserError(f"{where} is not a complete idx file of unsigned bytes.")
    return np.frombuffer(data, np.uint8, offset=head).reshape(shape)


IDX_FILES = tuple(f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))


def _idx_reader(names: tuple[str, ...]):
    def read(folder: Path):
        tables: Tables = {}
        for split, part in (("train", "train"), ("test", "t10k")):
            image, label = (_idx_file(folder, f"{part}-{kind}-ubyte") for kind in ("images-idx3", "labels-idx1"))
            if len(image) != len(label):
                raise UserError(f"{folder}: {len(image)} images but {len(label)} labels in the split {split!r}.")
            tables[split] = {"image": image[..., None], "label": label}
        return tables, {"label": names}

    return read


def _idx_file(folder: Path, name: str) -> np.ndarray:
    """The array of `name` or `name`.gz; unpacked files may be spelled with a dot before idx."""
    for path in (folder / f"{name}.gz", folder / name, folder / name.replace("-idx", ".idx")):
        if path.is_file():
            try:
                data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            except (OSError, EOFError) as error:
                raise UserError(f"{path} is damaged: {error}.") from error
            return read_idx(data, str(path))
    raise Missing(name)


def _cifar_reader(archive: str, prefix: str, parts: dict[str, tuple[str, ...]], labels: dict[str, tuple[str, Any]]):
    """Records of one byte per label feature, then 3 x 32 x 32 bytes. labels: feature -> (file of names, fallback)."""

    def read(folder: Path):
        member = _member_reader(folder, archive, prefix)
        tables: Tables = {}
        for split, names in parts.items():
            data = np.frombuffer(b"".join(member(name) for name in names), np.uint8)
            width = len(labels) + 3072
            if not len(data) or len(data) % width:
                raise UserError(f"{folder}: {', '.join(names)} do not hold whole CIFAR records of {width} bytes.")
            records = data.reshape(-1, width)
            images = records[:, len(labels) :].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
            tables[split] = {"image": images, **{key: records[:, i] for i, key in enumerate(labels)}}
        classes = {}
        for key, (file, fallback) in labels.items():
            try:
                classes[key] = tuple(member(file).decode().split())
            except Missing:
                classes[key] = fallback
        return tables, classes

    return read


def _member_reader(folder: Path, archive: str, prefix: str) -> Callable[[str], bytes]:
    """(file name) -> its bytes, from the archive, its unpacked folder, or `folder` itself."""
    for base in (folder / prefix, folder):
        if any(base.glob("*.bin")):

            def from_folder(name: str, base: Path = base) -> bytes:
                if not (base / name).is_file():
                    raise Missing(name)
                return (base / name).read_bytes()

            return from_folder
    packed = next((path for path in (folder / archive, folder / archive.removesuffix(".gz")) if path.is_file()), None)
    if packed is None:
        raise Missing(archive)
    try:
        with tarfile.open(packed) as tar:
            opened = {item.name.rsplit("/", 1)[-1]: tar.extractfile(item) for item in tar if item.isfile()}
            members = {name: stream.read() for name, stream in opened.items() if stream}
    except (tarfile.TarError, OSError, EOFError) as error:
        raise UserError(f"{packed} is damaged: {error}.") from error

    def from_archive(name: str) -> bytes:
        if name not in members:
            raise Missing(name)
        return members[name]

    return from_archive


def _digits(count: int) -> tuple[str, ...]:
    return tuple(str(label) for label in range(count))


_CIFAR10 = _cifar_reader(
    "cifar-10-binary.tar.gz",
    "cifar-10-batches-bin",
    {"train": tuple(f"data_batch_{i}.bin" for i in range(1, 6)), "test": ("test_batch.bin",)},
    {"label": ("batches.meta.txt", CIFAR10)},
)
_CIFAR100 = _cifar_reader(
    "cifar-100-binary.tar.gz",
    "cifar-100-binary",
    {"train": ("train.bin",), "test": ("test.bin",)},
    {"coarse_label": ("coarse_label_names.txt", _digits(20)), "label": ("fine_label_names.txt", _digits(100))},
)
RECIPES: dict[str, Recipe] = {
    "mnist": Recipe("3.0.1", (28, 28, 1), IDX_FILES, _idx_reader(_digits(10))),
    "fashion_mnist": Recipe("3.0.1", (28, 28, 1), IDX_FILES, _idx_reader(FASHION)),
    "kmnist": Recipe("3.0.1", (28, 28, 1), IDX_FILES, _idx_reader(KMNIST)),
    "cifar10": Recipe("3.0.2", (32, 32, 3), ("cifar-10-binary.tar.gz",), _CIFAR10, ids=True),
    "cifar100": Recipe("3.0.2", (32, 32, 3), ("cifar-100-binary.tar.gz",), _CIFAR100, ids=True),
}


def cache_root() -> Path:
    """Where sets are prepared: TFDS_DATA_DIR, else tensorflow_datasets below JAXGEN_CACHE or ~/.cache/jaxgen."""
    if os.environ.get("TFDS_DATA_DIR"):
        return Path(os.environ["TFDS_DATA_DIR"]).expanduser()
    return own_cache() / "tensorflow_datasets"


def own_cache() -> Path:
    """The folder JAXGEN_CACHE, or ~/.cache/jaxgen."""
    return Path(os.environ.get("JAXGEN_CACHE") or "~/.cache/jaxgen").expanduser()


def manual_folders(name: str, *more: str | Path | None) -> list[Path]:
    """Folders that may hold the official files of `name`: each of `more`, its child `name`, and $JAXGEN_DATA/`name`."""
    roots = [Path(folder).expanduser() for folder in more if folder]
    found = [folder for root in roots for folder in (root, root / name)]
    if os.environ.get("JAXGEN_DATA"):
        found.append(Path(os.environ["JAXGEN_DATA"]) / name)
    return found


def prepare(name: str, *, data_dir: str | Path | None = None, manual_dir: str | Path | None = None) -> Path:
    """Make `name` readable by `load`: from files in `manual_dir` or $JAXGEN_DATA/`name`, else from the internet.

    Args:
      data_dir: where to write; `cache_root()` unless given. Nothing is done if the set is there.

    Returns:
      The folder of the prepared version.

    Raises:
      UserError: unknown name, damaged files, failed download, or a set whose preparation needs TensorFlow.
    """
    root = Path(data_dir).expanduser() if data_dir else cache_root()
    if name not in RECIPES:
        return _prepare_other(name, root, manual_dir)
    target = root / name / RECIPES[name].version
    if not target.exists():
        folders = [*manual_folders(name, manual_dir), root / "downloads" / name]
        if not from_files(name, root, folders):
            download(name, folders[-1])
            from_files(name, root, folders[-1:])
    return target


def from_files(name: str, root: Path, folders: list[Path]) -> Path | None:
    """Prepare `name` below `root` from the first of `folders` that holds its files; None where none does."""
    recipe = choose(RECIPES, name, "data set")
    for folder in folders:
        try:
            tables, classes = recipe.read(folder)
        except Missing:
            continue
        logger.warning("preparing %s from %s in %s; this is done once", name, folder, root)
        return _write(name, recipe, tables, classes, root)
    return None


def _write(name: str, recipe: Recipe, tables: Tables, classes: dict[str, tuple[str, ...]], root: Path) -> Path:
    """Write array_record files beside their place and move them in, so that nobody sees half a set."""
    import tensorflow_datasets as tfds

    target = root / name / recipe.version
    scratch = root / f".{name}-{uuid.uuid4().hex}"
    target.parent.mkdir(parents=True, exist_ok=True)
    tfds.disable_progress_bar()
    try:
        builder = _builder(name, recipe, tables, classes)(data_dir=str(scratch), file_format="array_record")
        with contextlib.redirect_stdout(io.StringIO()):  # it announces the scratch folder
            builder.download_and_prepare()
        try:
            os.rename(scratch / name / recipe.version, target)
        except OSError:
            if not target.exists():  # otherwise another process was first, with the same result
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target


def _builder(set_name: str, recipe: Recipe, tables: Tables, classes: dict[str, tuple[str, ...]]) -> type:
    import tensorflow_datasets as tfds

    # Unregistered, because the package registers a builder of the same name when it is first looked up.
    class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
        name = set_name
        VERSION = tfds.core.Version(recipe.version)

        def _info(self):
            features = {key: tfds.features.ClassLabel(names=list(names)) for key, names in classes.items()}
            features["image"] = tfds.features.Image(shape=recipe.shape)
            if recipe.ids:
                features["id"] = tfds.features.Text()
            return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

        def _split_generators(self, dl_manager):
            return {split: self._generate_examples(split) for split in tables}

        def _generate_examples(self, split) -> Iterator[tuple[int, dict[str, Any]]]:
            table = tables[split]
            for index, image in enumerate(table["image"]):
                # Pillow images are encoded by Pillow, numpy arrays by TensorFlow.
                picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else np.ascontiguousarray(image))
                example = {"image": picture, **{key: int(table[key][index]) for key in classes}}
                yield index, {**example, "id": f"{split}_{index:05d}"} if recipe.ids else example

    return Builder


def download(name: str, folder: Path) -> None:
    """Fetch the official files of `name` into `folder`, checked against the SHA-256 that tensorflow-datasets lists.

    Raises:
      UserError: a file cannot be fetched, or is not the official one.
    """
    import tensorflow_datasets as tfds

    listed = Path(tfds.__file__).parent / "url_checksums" / f"{name}.txt"
    for line in listed.read_text().splitlines():
        url, _, sha256, file = line.split("\t")
        if not (folder / file).exists():
            fetch(url, folder / file, sha256)


def fetch(url: str, target: Path, sha256: str) -> None:
    """Download one file; it appears at `target` only whole and right."""
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_name(f".{uuid.uuid4().hex}")
    try:
        with urllib.request.urlopen(url, timeout=60) as stream, scratch.open("wb") as file:
            shutil.copyfileobj(stream, file)
        with scratch.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                raise UserError(f"{url} is not the official file (its SHA-256 differs); try again or fetch it by hand.")
        os.replace(scratch, target)
    except OSError as error:
        raise UserError(f"Cannot download {url} ({error}); fetch it by hand into {target.parent}.") from error
    finally:
        scratch.unlink(missing_ok=True)


def _prepare_other(name: str, root: Path, manual_dir: str | Path | None) -> Path:
    """Let tensorflow-datasets' own builder prepare; most of them need TensorFlow for that."""
    import tensorflow_datasets as tfds

    command = f"tfds build {name} --file_format=array_record --data_dir={root}"
    try:
        builder = tfds.builder(name, data_dir=str(root), file_format="array_record")
    except tfds.core.DatasetNotFoundError as error:
        raise UserError(f"tensorflow-datasets knows no set {name!r}.") from error
    try:
        config = tfds.download.DownloadConfig(manual_dir=str(manual_dir) if manual_dir else None)
        builder.download_and_prepare(download_config=config)
    except ImportError as error:
        raise UserError(
            f"Preparing {name!r} needs TensorFlow, which jaxgen does not; run `{command}` in an environment that has"
            " it. Reading the result does not need it."
        ) from error
    return Path(str(builder.data_dir))
