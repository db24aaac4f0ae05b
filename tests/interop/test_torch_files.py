"""Files of weights are read as data: written here byte by byte as PyTorch writes them, harmful and cut off ones too."""

import collections
import io
import pickle
import pickletools
import struct
import sys
import types
import zipfile

import numpy as np
import pytest
from safetensors.numpy import save_file

from jaxgen.core import UserError
from jaxgen.interop import torch_files

WEIGHT = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
COUNT = np.array(7, np.int64)


class FloatStorage: ...


class LongStorage: ...


class Stored:
    """A tensor, pickled as PyTorch pickles one: a call of torch._utils._rebuild_tensor_v2 with a persistent id."""

    def __init__(self, kind, key, shape, strides, offset=0, count=None):
        self.id = ("storage", kind, key, "cpu", count or int(np.prod(shape)))
        self.parts = (offset, shape, strides)

    def __reduce__(self):
        offset, shape, strides = self.parts
        return sys.modules["torch._utils"]._rebuild_tensor_v2, (self, offset, shape, strides, False, {})


@pytest.fixture
def torchlike(monkeypatch):
    """Names under which pickle finds what PyTorch's own pickler would write."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")

    def _rebuild_tensor_v2(*_):
        raise AssertionError("the reader has functions of its own")

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    for kind in (FloatStorage, LongStorage):
        monkeypatch.setattr(kind, "__module__", "torch")
        setattr(torch, kind.__name__, kind)
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)


class Pickler(pickle.Pickler):
    def persistent_id(self, item):
        # The tensor is seen twice: first itself, which is reduced, and then inside its own arguments, as its storage.
        if isinstance(item, Stored):
            if getattr(item, "seen", False):
                return item.id
            item.seen = True
        return None


def pickled(item):
    file = io.BytesIO()
    Pickler(file, protocol=2).dump(item)
    return file.getvalue()


def tensors():
    found = collections.OrderedDict(
        weight=Stored(FloatStorage, "0", (2, 3, 4), (12, 4, 1)),
        turned=Stored(FloatStorage, "0", (4, 2), (1, 12), offset=4, count=24),
        count=Stored(LongStorage, "1", (), ()),
    )
    found._metadata = collections.OrderedDict({"": {"version": 1}})
    return found


def write_zip(path, pickle_bytes, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", pickle_bytes)
        archive.writestr("archive/byteorder", "little")
        archive.writestr("archive/data/0", WEIGHT.tobytes())
        archive.writestr("archive/data/1", COUNT.tobytes())
        archive.writestr("archive/version", "3\n")
    return path


def write_sequence(path, pickle_bytes):
    parts = [pickle.dumps(x, 2) for x in (torch_files.MAGIC, 1001, {"little_endian": True})]
    parts += [pickle_bytes, pickle.dumps(["0", "1"], 2)]
    parts += [struct.pack("<q", 24), WEIGHT.tobytes(), struct.pack("<q", 1), COUNT.tobytes()]
    path.write_bytes(b"".join(parts))
    return path


def pickled_legacy():
    """In the older layout a storage's id has a sixth part, None unless it is a view."""
    found = tensors()
    for item in found.values():
        item.id = (*item.id, None)
    return pickled(found)


WRITERS = {
    "zip": lambda path: write_zip(path, pickled(tensors())),
    "sequence": lambda path: write_sequence(path, pickled_legacy()),
}


@pytest.mark.parametrize("layout", WRITERS)
def test_tensors_come_back(torchlike, tmp_path, layout):
    path = WRITERS[layout](tmp_path / "weights.pth")
    found = torch_files.read(path)
    np.testing.assert_array_equal(found["weight"], WEIGHT)
    np.testing.assert_array_equal(found["turned"], WEIGHT[:, 1].T)
    assert found["count"] == 7
    assert found["count"].dtype == np.int64


@pytest.mark.parametrize("layout", WRITERS)
def test_files_cut_off_anywhere_are_one_sentence(torchlike, tmp_path, layout):
    whole = WRITERS[layout](tmp_path / "weights.pth").read_bytes()
    for length in range(0, len(whole), 37):
        path = tmp_path / "cut.pth"
        path.write_bytes(whole[:length])
        with pytest.raises(UserError) as error:
            torch_files.read(path)
        assert "\n" not in str(error.value)
        assert str(path) in str(error.value)


@pytest.mark.parametrize("layout", WRITERS)
def test_damaged_files_never_raise_anything_else(torchlike, tmp_path, layout):
    whole = bytearray(WRITERS[layout](tmp_path / "weights.pth").read_bytes())
    random = np.random.default_rng(0)
    path = tmp_path / "damaged.pth"
    for _ in range(300):
        data = bytearray(whole)
        for at in random.integers(len(data), size=3):
            data[at] = random.integers(256)
        path.write_bytes(data)
        try:
            torch_files.read(path)
        except UserError:
            continue


class Harmful:
    """Unpickled by pickle itself, it would leave a mark."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return open, (str(self.mark), "w")


class Stepwise:
    """The same through getattr, and through a builtin that runs text."""

    def __init__(self, code):
        self.code = code

    def __reduce__(self):
        return eval, (self.code,)


@pytest.mark.parametrize("write", [write_zip, write_sequence])
def test_a_program_is_refused_before_it_runs(tmp_path, write):
    mark = tmp_path / "mark"
    for item in (Harmful(mark), {"weight": Stepwise(f"open({str(mark)!r}, 'w')")}):
        data = pickle.dumps(item, 2)
        path = write(tmp_path / "harmful.pth", data)
        with pytest.raises(UserError, match=r"refused: it asks for \S+, which no file of plain tensors needs"):
            torch_files.read(path)
        assert not mark.exists()
    pickle.loads(pickle.dumps(Harmful(mark), 2)).close()
    assert mark.exists(), "the file would have been harmful"


def test_allowed_names_cannot_be_changed_or_misused(tmp_path):
    """Pickles that set attributes of what they are given, or build tensors of nothing."""
    rebuild = b"ctorch._utils\n_rebuild_tensor_v2\n"
    programs = [
        b"\x80\x02" + rebuild + b"}X\x08\x00\x00\x00__code__K\x01sb.",  # BUILD: an attribute of the function
        b"\x80\x02" + rebuild + b"N}X\x09\x00\x00\x00_functionK\x01s\x86b.",  # BUILD with slots
        b"\x80\x02" + rebuild + b"(K\x00K\x00))tR.",  # a tensor whose storage is a number
        b"\x80\x02ccollections\nOrderedDict\n}X\x04\x00\x00\x00itemK\x01sb.",  # BUILD on the class itself
        b"\x80\x02ccollections\nOrderedDict.__init__\n.",
        b"\x80\x02cbuiltins\ngetattr\n.",
    ]
    for program in programs:
        pickletools.dis(program, out=io.StringIO())
        with pytest.raises(UserError):
            torch_files.read(write_zip(tmp_path / "odd.pth", program))
    assert not hasattr(collections.OrderedDict, "item")


def test_a_tensor_beyond_its_storage_is_refused(torchlike, tmp_path):
    for bad in (
        Stored(FloatStorage, "0", (5, 5), (5, 1)),
        Stored(FloatStorage, "0", (2,), (-1,), offset=4),
        Stored(FloatStorage, "0", (2,), (1, 1)),
        Stored(FloatStorage, "9", (2,), (1,)),
    ):
        with pytest.raises(UserError, match="cannot be read"):
            torch_files.read(write_zip(tmp_path / "bad.pth", pickled({"weight": bad})))


def test_other_contents_are_named(torchlike, tmp_path):
    nested = write_zip(tmp_path / "nested.pth", pickled({"state_dict": tensors(), "epoch": 3}))
    with pytest.raises(UserError, match="flat state dict"):
        torch_files.read(nested)
    packed = write_zip(tmp_path / "packed.pth", pickled(tensors()), zipfile.ZIP_DEFLATED)
    with pytest.raises(UserError, match="compressed"):
        torch_files.read(packed)
    with pytest.raises(UserError, match="no file of weights"):
        torch_files.read(tmp_path / "missing.pth")


def test_safetensors(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file({"weight": WEIGHT}, path)
    np.testing.assert_array_equal(torch_files.read(path)["weight"], WEIGHT)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UserError, match="cut off"):
        torch_files.read(path)
