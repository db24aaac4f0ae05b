"""Tensors from PyTorch's files without PyTorch, and without running what a file says.

A `.pth` file is a pickle, and a pickle is a program: it may name any function of Python and call it. The reader here
knows the few names that a file of plain tensors needs, answers them with records of its own, and refuses every other
name before anything is called. Both layouts are read: the zip archive (since PyTorch 1.6) and the older sequence of
pickles followed by raw storages. Safetensors files hold no programs and are read by their own library.
"""

import collections
import io
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgen.core import UserError

MAGIC = 0x1950A86A20F9469CFC6C
"""First object of the older layout."""
LARGEST_PICKLE = 2**26
"""Bytes; names, shapes and strides of a network take far fewer."""
DTYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "|b1",
}


class _Storage(NamedTuple):
    """Where the numbers of a tensor lie: the storage's key and its type."""

    key: str
    dtype: str
    length: int


class _View(NamedTuple):
    """A tensor before its storage is read; lengths in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Call:
    """A function without attributes that a pickle could change."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable):
        self._function = function

    def __call__(self, *args):
        return self._function(*args)


def _rebuild_tensor(storage, offset, shape, strides, *_):
    if not isinstance(storage, _Storage):
        raise pickle.UnpicklingError("a tensor without a storage")
    return _View(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))


def _rebuild_parameter(view, *_):
    if not isinstance(view, _View):
        raise pickle.UnpicklingError("a parameter without a tensor")
    return view


class _Unpickler(pickle.Unpickler):
    """Answers the names in `KNOWN` and refuses all others."""

    KNOWN: dict[tuple[str, str], Callable[[], Any]] = {
        ("collections", "OrderedDict"): lambda: collections.OrderedDict,
        ("torch._utils", "_rebuild_tensor"): lambda: _Call(_rebuild_tensor),
        ("torch._utils", "_rebuild_tensor_v2"): lambda: _Call(_rebuild_tensor),
        ("torch._utils", "_rebuild_parameter"): lambda: _Call(_rebuild_parameter),
        ("torch", "Size"): lambda: _Call(tuple),
        **{("torch", name): lambda dtype=dtype: dtype for name, dtype in DTYPES.items()},  # type: ignore[misc]
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.KNOWN:
            raise UserError(
                f"it asks for {module}.{name}, which no file of plain tensors needs, and nothing of it was run"
            )
        return self.KNOWN[module, name]()

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _, count = pid[:5]
        if kind != "storage" or dtype not in DTYPES.values():
            raise pickle.UnpicklingError("an unknown kind of storage")
        if len(pid) > 5 and pid[5] is not None:
            raise pickle.UnpicklingError("a view of a storage")
        return _Storage(str(key), dtype, int(count))


def read(path: str | Path) -> dict[str, np.ndarray]:
    """The tensors of a .pth, .pt or .safetensors file by name; the file must be a flat state dict.

    Raises:
      UserError: no such file, not such a file, cut off, or a pickle that names anything but tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"There is no file of weights at {path}.")
    try:
        if path.suffix == ".safetensors":
            from safetensors.numpy import load_file

            return load_file(path)
        found, storages = _zipped(path) if zipfile.is_zipfile(path) else _sequence(path)
        if not isinstance(found, dict) or not all(isinstance(view, _View) for view in found.values()):
            raise UserError("it holds other things than a flat state dict of tensors")
        return {str(name): _array(view, storages) for name, view in found.items()}
    except UserError as error:
        raise UserError(f"{path} is refused: {error}.") from None
    except Exception as error:  # whatever damaged bytes make of pickle, zipfile and numpy
        reason = str(error).split("\n")[0] or type(error).__name__
        raise UserError(f"{path} cannot be read as a file of weights; it may be cut off ({reason}).") from None


Storages = Callable[[_Storage], np.ndarray]


def _zipped(path: Path) -> tuple[Any, Storages]:
    """ARCHIVE/data.pkl and ARCHIVE/data/KEY, both stored without compression."""
    with zipfile.ZipFile(path) as archive:
        items = {item.filename: item for item in archive.infolist()}
        prefix = next((name.removesuffix("data.pkl") for name in items if name.endswith("/data.pkl")), None)
        if prefix is None:
            raise UserError("it is a zip archive without a data.pkl, so PyTorch did not write it")
        if any(item.compress_type != zipfile.ZIP_STORED for item in items.values()):
            raise UserError("it is a compressed archive, which PyTorch does not write")
        order = f"{prefix}byteorder"
        if order in items and archive.read(order).strip() != b"little":
            raise UserError("its numbers are big-endian")
        if items[f"{prefix}data.pkl"].file_size > LARGEST_PICKLE:
            raise UserError("its list of tensors is too long to be one")
        found = _Unpickler(io.BytesIO(archive.read(f"{prefix}data.pkl"))).load()
        views = found.values() if isinstance(found, dict) else ()
        keys = {view.storage.key for view in views if isinstance(view, _View)}
        raw = {key: archive.read(f"{prefix}data/{key}") for key in keys}
    return found, lambda storage: np.frombuffer(raw[storage.key], storage.dtype)


def _sequence(path: Path) -> tuple[Any, Storages]:
    """The older layout: magic number, version, system, tensors, keys of storages; then each as a count and bytes."""
    data = path.read_bytes()
    file = io.BytesIO(data)
    magic, version, _ = (_Unpickler(file).load() for _ in range(3))
    if magic != MAGIC or version != 1001:
        raise UserError("it is no file of PyTorch's")
    found = _Unpickler(file).load()
    keys = _Unpickler(file).load()
    views = found.values() if isinstance(found, dict) else ()
    dtypes = {view.storage.key: view.storage.dtype for view in views if isinstance(view, _View)}
    arrays, at = {}, file.tell()
    for key in map(str, keys):
        (count,) = struct.unpack_from("<q", data, at)
        arrays[key] = np.frombuffer(data, dtypes[key], count, at + 8)
        at += 8 + arrays[key].nbytes
    return found, lambda storage: arrays[storage.key]


def _array(view: _View, storages: Storages) -> np.ndarray:
    """The tensor as an array of its own.

    Raises:
      ValueError: it reaches beyond its storage.
    """
    flat = storages(view.storage)
    last = view.offset + sum((size - 1) * stride for size, stride in zip(view.shape, view.strides))
    if min((view.offset, *view.shape, *view.strides)) < 0 or len(view.shape) != len(view.strides):
        raise ValueError("a tensor of negative size")
    if 0 in view.shape:
        return np.empty(view.shape, flat.dtype)
    if last >= len(flat):
        raise ValueError("a tensor reaches beyond its storage")
    strides = [stride * flat.itemsize for stride in view.strides]
    return np.lib.stride_tricks.as_strided(flat[view.offset :], view.shape, strides, writeable=False).copy()
