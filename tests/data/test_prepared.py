"""Sets of tensorflow-datasets: prepared from official files without TensorFlow, and read back bit for bit."""

import gzip
import hashlib
import io
import struct
import subprocess
import sys
import tarfile

import numpy as np
import pytest
from PIL import Image

from jaxgen import data
from jaxgen.core import UserError
from jaxgen.data import recipes

MD5 = {
    ("train", "image"): "6bbc9ace898e44ae57da46a324031adb",
    ("train", "label"): "a25bea736e30d166cdddb491f175f624",
    ("test", "image"): "2646ac647ad5339dbf082846283269ea",
    ("test", "label"): "27ae3e4e09519cfbb04c329615203637",
}
"""Of the uncompressed official MNIST files."""


@pytest.fixture
def caches(tmp_path, monkeypatch):
    for name in ("TFDS_DATA_DIR", "JAXGEN_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("JAXGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("JAXGEN_DATA", str(tmp_path / "files"))
    return tmp_path


def idx(array: np.ndarray) -> bytes:
    magic = {1: 2049, 3: 2051}[array.ndim]
    return struct.pack(f">{array.ndim + 1}i", magic, *array.shape) + array.tobytes()


def write_idx(folder, sizes=(40, 12), *, packed=True):
    rng, tables = np.random.default_rng(0), {}
    folder.mkdir(parents=True)
    for part, split, size in zip(("train", "t10k"), ("train", "test"), sizes):
        images, labels = rng.integers(0, 256, (size, 28, 28), np.uint8), rng.integers(0, 10, size).astype(np.uint8)
        tables[split] = images, labels
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            path = folder / f"{part}-{kind}-ubyte{'.gz' if packed else ''}"
            path.write_bytes(gzip.compress(idx(array)) if packed else idx(array))
    return tables


def stored_order(size, split):
    """Positions of the official examples in a prepared split: the package sorts by a salted hash of the key."""
    from tensorflow_datasets.core import hashing

    hasher = hashing.Hasher(split)
    return np.array(sorted(range(size), key=hasher.hash_key))


def whole(found, split, batch=512):
    parts = list(found.epoch(split, batch))
    return [np.concatenate([part[key][part["mask"]] for part in parts]) for key in ("image", "label")]


@pytest.mark.parametrize("packed", [True, False])
def test_idx_files_at_hand_are_prepared_on_the_way(caches, packed):
    tables = write_idx(caches / "files" / "fashion_mnist", packed=packed)
    for _ in range(2):  # the second time from the prepared files and the kept pixels
        found = data.load(dict(name="fashion_mnist"))
        assert found.info.classes[9] == "Ankle boot"
        assert found.info.sizes == {"train": 40, "test": 12}
        for split, (images, labels) in tables.items():
            order = stored_order(len(images), split)
            made, marks = whole(found, split)
            np.testing.assert_array_equal(made[..., 0], images[order])
            np.testing.assert_array_equal(marks, labels[order])
    assert "tensorflow" not in sys.modules
    assert not list((caches / "cache" / "tensorflow_datasets").glob(".*"))


def test_the_package_itself_opens_what_was_prepared(caches):
    import tensorflow_datasets as tfds

    tables = write_idx(caches / "somewhere")
    made = data.prepare("kmnist", data_dir=caches / "prepared", manual_dir=caches / "somewhere")
    assert made == caches / "prepared" / "kmnist" / "3.0.1"
    found = tfds.data_source("kmnist", split="test", data_dir=str(caches / "prepared"))
    order = stored_order(12, "test")
    np.testing.assert_array_equal(np.stack([found[i]["image"][..., 0] for i in range(12)]), tables["test"][0][order])
    section = dict(name="kmnist", size=14, train="train[:50%]")
    for path in (caches / "prepared", made):
        loaded = data.load(dict(section, path=str(path)))
        assert loaded.info.image == (14, 14, 1)
        assert loaded.info.sizes["train"] == 20


@pytest.mark.parametrize("how", ["tar", "folder"])
@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_cifar_binaries(caches, name, how):
    rng = np.random.default_rng(0)
    fine = name == "cifar100"
    prefix = "cifar-100-binary" if fine else "cifar-10-batches-bin"
    parts = ("train.bin", "test.bin") if fine else (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin")
    images = rng.integers(0, 256, (len(parts), 3, 32, 32, 3), np.uint8)
    labels = rng.integers(0, 10, (len(parts), 3), np.uint8)
    files = {"fine_label_names.txt": "\n".join(f"name{i}" for i in range(100)).encode()} if fine else {}
    for part, pictures, marks in zip(parts, images, labels):
        rows = [
            (bytes([7]) if fine else b"") + bytes([y]) + x.transpose(2, 0, 1).tobytes() for x, y in zip(pictures, marks)
        ]
        files[part] = b"".join(rows)
    place = caches / "files" / name
    place.mkdir(parents=True)
    if how == "tar":
        with tarfile.open(place / f"{'cifar-100' if fine else 'cifar-10'}-binary.tar.gz", "w:gz") as tar:
            for file, content in files.items():
                item = tarfile.TarInfo(f"{prefix}/{file}")
                item.size = len(content)
                tar.addfile(item, io.BytesIO(content))
    else:
        (place / prefix).mkdir()
        for file, content in files.items():
            (place / prefix / file).write_bytes(content)
    found = data.load(dict(name=name))
    assert found.info.classes[3] == ("name3" if fine else "cat")
    for split, chosen in (("train", slice(None, -1)), ("test", slice(-1, None))):
        pictures, marks = images[chosen].reshape(-1, 32, 32, 3), labels[chosen].reshape(-1)
        order = stored_order(len(marks), split)
        made, made_marks = whole(found, split)
        np.testing.assert_array_equal(made, pictures[order])
        np.testing.assert_array_equal(made_marks, marks[order])


def test_two_processes_may_prepare_at_once(caches):
    write_idx(caches / "mnist")
    code = "import sys, jaxgen.data; print(jaxgen.data.prepare('mnist', data_dir=sys.argv[1], manual_dir=sys.argv[2]))"
    command = [sys.executable, "-c", code, str(caches / "root"), str(caches / "mnist")]
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    children = [subprocess.Popen(command, **pipes) for _ in range(2)]
    results = [(*child.communicate(timeout=120), child.returncode) for child in children]
    assert [(out.strip(), code) for out, _, code in results] == [(str(caches / "root" / "mnist" / "3.0.1"), 0)] * 2
    assert [path.name for path in (caches / "root").iterdir()] == ["mnist"]
    assert data.load(dict(name="mnist", path=str(caches / "root"))).info.sizes == {"train": 40, "test": 12}


def test_what_to_do_is_said_when_files_are_missing_or_damaged(caches):
    with pytest.raises(UserError, match=r"jaxgen data prepare mnist.*train-images-idx3-ubyte.gz.*files/mnist"):
        data.load(dict(name="mnist"))
    write_idx(caches / "files" / "mnist")
    path = caches / "files" / "mnist" / "train-images-idx3-ubyte.gz"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte.gz is damaged"):
        data.load(dict(name="mnist"))
    path.write_bytes(gzip.compress(gzip.decompress(content)[:-1]))
    with pytest.raises(UserError, match="not a complete idx file"):
        data.load(dict(name="mnist"))
    with pytest.raises(UserError, match="'celeb_a' is not prepared"):
        data.load(dict(name="celeb_a"))


def test_tfrecord_files_are_refused_with_the_way_out(caches):
    write_idx(caches / "somewhere")
    made = data.prepare("mnist", manual_dir=caches / "somewhere")
    facts = made / "dataset_info.json"
    facts.write_text(facts.read_text().replace("array_record", "tfrecord"))
    with pytest.raises(UserError, match=r"tfrecord.*tfds convert_format"):
        data.load(dict(name="mnist"))


def test_images_of_many_sizes_need_a_size(caches):
    import tensorflow_datasets as tfds

    class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        name = "many_sizes"
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            features = tfds.features.FeaturesDict({"picture": tfds.features.Image(shape=(None, None, 3))})
            return tfds.core.DatasetInfo(builder=self, features=features)

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples()}

        def _generate_examples(self):
            for i in range(8):
                yield i, {"picture": Image.new("RGB", (20 + i, 20), (i, 0, 0))}

    Builder(data_dir=str(caches / "root"), file_format="array_record").download_and_prepare()
    section = dict(name="many_sizes", path=str(caches / "root"))
    with pytest.raises(UserError, match="differ in size"):
        data.load(section)
    whole = data.load(dict(section, size=16))
    assert (whole.info.image, whole.info.sizes) == ((16, 16, 3), {"train": 8})
    lazy = data.load(dict(section, size=16, memory_mb=0, workers=2))
    one, other = (found.batches("train", 6, 0)(4)["image"] for found in (whole, lazy))
    np.testing.assert_array_equal(one, other)


def test_downloads_are_checked(tmp_path):
    (tmp_path / "source").write_bytes(b"content")
    url = (tmp_path / "source").as_uri()
    recipes.fetch(url, tmp_path / "good", hashlib.sha256(b"content").hexdigest())
    assert (tmp_path / "good").read_bytes() == b"content"
    with pytest.raises(UserError, match="not the official file"):
        recipes.fetch(url, tmp_path / "bad", hashlib.sha256(b"other").hexdigest())
    with pytest.raises(UserError, match="Cannot download"):
        recipes.fetch(url + "x", tmp_path / "bad", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["good", "source"]


def test_the_official_mnist_files_are_read_bit_for_bit(jaxgen_data):
    if not (jaxgen_data / "mnist").is_dir():
        pytest.skip("JAXGEN_DATA holds no mnist")
    tables, _ = recipes.RECIPES["mnist"].read(jaxgen_data / "mnist")
    for (split, key), digest in MD5.items():
        array = tables[split][key]
        assert hashlib.md5(idx(array[..., 0] if key == "image" else array)).hexdigest() == digest


@pytest.mark.long
def test_the_loader_yields_the_official_mnist_bit_for_bit(jaxgen_data, caches, monkeypatch):
    if not (jaxgen_data / "mnist").is_dir():
        pytest.skip("JAXGEN_DATA holds no mnist")
    monkeypatch.setenv("JAXGEN_DATA", str(jaxgen_data))
    found = data.load(dict(name="mnist"))
    for split in ("train", "test"):
        images, labels = whole(found, split)
        back = np.argsort(stored_order(len(labels), split))
        for key, array in (("image", images[back, ..., 0]), ("label", labels[back].astype(np.uint8))):
            assert hashlib.md5(idx(array)).hexdigest() == MD5[split, key]
