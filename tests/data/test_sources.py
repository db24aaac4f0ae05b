"""Sources: what they hold, how they split, and what they say about bad input."""

import logging
import zipfile

import numpy as np
import pytest
from PIL import Image

from jaxgen import data
from jaxgen.core import UserError
from jaxgen.data import folder, shapes, source, text


def all_of(section, split="train"):
    found = data.load(section)
    parts = list(found.epoch(split, 7))
    return {key: np.concatenate([part[key][part["mask"]] for part in parts]) for key in parts[0] if key != "mask"}


def test_digits_are_the_stored_ones_exactly_rounded_and_split_by_class():
    from fractions import Fraction

    from sklearn.datasets import load_digits

    levels = np.array([int(Fraction(255 * k, 16) + Fraction(1, 2)) for k in range(17)], np.uint8)
    stored = levels[load_digits().images.astype(int)]
    info = data.load({}).info
    assert (info.image, info.sizes, len(info.classes)) == ((8, 8, 1), {"train": 1442, "test": 355}, 10)
    train, test = all_of({}), all_of({}, "test")
    both = np.concatenate([train["image"], test["image"]])[..., 0]
    assert sorted(x.tobytes() for x in both) == sorted(x.tobytes() for x in stored)
    shares = np.bincount(test["label"]) / np.bincount(load_digits().target)
    assert (np.abs(shares - 0.2) < 0.006).all()


def test_slices_agree_with_tensorflow_datasets():
    import tensorflow_datasets as tfds

    for size in (7, 100, 1442):
        whole = source.from_arrays(image=np.arange(size)[:, None, None, None])
        found = source.Source("x", {"train": whole})
        infos = {"train": tfds.core.SplitInfo(name="train", shard_lengths=[size], num_bytes=0)}
        for spec in (
            "train",
            "train[:90%]",
            "train[90%:]",
            "train[2:5]",
            "train[-3:]",
            "train[-33%:]",
            "train[1%:50%]",
        ):
            oracle = tfds.core.ReadInstruction.from_spec(spec).to_absolute(infos)
            wanted = [i for part in oracle for i in range(part.from_ or 0, size if part.to is None else part.to)]
            if wanted:
                cut = source.cut(found, spec)
                assert cut.gather(np.arange(cut.size))["image"].ravel().tolist() == wanted, (size, spec)


def test_splits_join_and_say_what_is_missing():
    both = all_of(dict(name="digits", train="test[:5]+train[10:12]"))
    np.testing.assert_array_equal(both["label"][:5], all_of({}, "test")["label"][:5])
    np.testing.assert_array_equal(both["label"][5:], all_of({})["label"][10:12])
    with pytest.raises(UserError, match=r"no split 'tain'; it has: test, train"):
        data.load(dict(train="tain"))
    with pytest.raises(UserError, match="not understood"):
        data.load(dict(train="train[1:2:3]"))
    with pytest.raises(UserError, match="empty"):
        data.load(dict(train="train[5:5]"))


def test_a_missing_test_split_is_an_error_only_when_used(tmp_path):
    np.savez(tmp_path / "a.npz", train_images=np.zeros((4, 8, 8), np.uint8))
    found = data.load(dict(name="array", path=str(tmp_path / "a.npz")))
    assert found.info.sizes == {"train": 4}
    with pytest.raises(UserError, match=r"no split 'test'.*train\[:90%\]"):
        found.epoch("test", 2)


def test_unknown_names_and_keys_name_the_nearest():
    with pytest.raises(UserError, match="Did you mean 'digits'"):
        data.load(dict(name="digit"))
    with pytest.raises(UserError, match="Did you mean 'mnist'"):
        data.load(dict(name="mnits"))
    with pytest.raises(UserError, match=r"data.chanels.*'channels'"):
        data.load(dict(chanels=3))


def test_shapes_depend_on_seed_and_index_alone_and_caption_what_they_show():
    some = shapes.draw(1, np.array([5, 900, 5]), 32)
    alone = shapes.draw(1, np.array([900]), 32)
    assert all(np.array_equal(some[key][1:2], alone[key]) for key in alone)
    assert np.array_equal(some["image"][0], some["image"][2])
    many = shapes.draw(0, np.arange(300), 64)
    captions = text.decode(many["text"])
    assert len(set(captions)) == len(shapes.CAPTIONS)
    area = {}
    for image, label, caption in zip(many["image"], many["label"], captions):
        _, size, colour, shape = caption.split()
        assert shape == shapes.SHAPES[label]
        inside = image[(np.abs(image.astype(int) - shapes.COLOURS[colour]).sum(-1) == 0)]
        area.setdefault((shape, size), []).append(len(inside))
    for size, radius in shapes.RADII.items():
        r = radius * 64
        for shape, exact in (("circle", np.pi * r**2), ("square", 2 * r**2), ("triangle", 0.75 * 3**0.5 * r**2)):
            perimeter = 2 * np.pi * r
            assert exact - perimeter < np.mean(area[shape, size]) <= exact + 1, (shape, size)


def test_captions_survive_the_wire():
    captions = ["a small red circle", "", "smørrebrød ☃"]
    size = text.length(captions)
    assert text.decode(text.encode(captions, size)) == captions
    assert text.decode(text.encode(["añb"], 2)) == ["a"]


def write_images(root, *, mode="RGB", sizes=((8, 8),), names=("cat", "dog"), count=12):
    for label, name in enumerate(names):
        (root / name).mkdir(parents=True)
        for i in range(count):
            level = 100 * label + i
            colour = level if mode == "L" else (level, 0, 0) + ((0,) if mode == "RGBA" else ())
            Image.new(mode, sizes[i % len(sizes)], colour).save(root / name / f"{i:02d}.png")


def test_a_folder_and_its_zip_are_the_same_set(tmp_path):
    write_images(tmp_path / "set")
    (tmp_path / "set" / "captions.tsv").write_text("cat/00.png\tx\ta first cat\ndog/03.png\tx\ta dog\n")
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for path in (tmp_path / "set").rglob("*"):
            archive.write(path, f"wrapped/{path.relative_to(tmp_path / 'set')}")
        archive.writestr("__MACOSX/wrapped/._00.png", "junk")
    loaded = [all_of(dict(name="folder", path=str(tmp_path / name), train="train+test")) for name in ("set", "set.zip")]
    for one in loaded:
        assert one["image"].shape == (24, 8, 8, 3)
        np.testing.assert_array_equal(one["image"][:, 0, 0, 0] // 100, one["label"])
        captions = dict(zip(one["image"][:, 0, 0, 0], text.decode(one["text"])))
        assert {level: caption for level, caption in captions.items() if caption} == {0: "a first cat", 103: "a dog"}
    assert all(np.array_equal(loaded[0][key], loaded[1][key]) for key in loaded[0])
    assert data.load(dict(name="folder", path=str(tmp_path / "set.zip"))).info.classes == ("cat", "dog")


def test_relative_paths_are_found_below_the_data_folder(tmp_path, monkeypatch):
    write_images(tmp_path / "set")
    monkeypatch.setenv("JAXGEN_DATA", str(tmp_path))
    assert sum(data.load(dict(name="folder", path="set")).info.sizes.values()) == 24
    with pytest.raises(UserError, match="nothing at nowhere or at"):
        data.load(dict(name="folder", path="nowhere"))


def test_train_and_test_folders_are_the_splits(tmp_path):
    write_images(tmp_path / "train", names=("b", "a"))
    write_images(tmp_path / "test", names=("a", "c"), count=3)
    info = data.load(dict(name="folder", path=str(tmp_path))).info
    assert (info.classes, info.sizes) == (("a", "b", "c"), {"train": 24, "test": 6})


@pytest.mark.parametrize("memory_mb", [2048, 0])
def test_damaged_files_are_counted_and_the_rest_is_used(tmp_path, caplog, memory_mb):
    write_images(tmp_path / "train", names=("cat",))
    good = (tmp_path / "train" / "cat" / "04.png").read_bytes()
    (tmp_path / "train" / "cat" / "00.png").write_bytes(b"no image")
    (tmp_path / "train" / "cat" / "04.png").write_bytes(good[:43])  # the header is whole
    section = dict(name="folder", path=str(tmp_path), memory_mb=memory_mb)
    with caplog.at_level(logging.WARNING):
        found = all_of(section)
    # Small sets drop both; large ones are not decoded in advance, so the second is replaced by its neighbour.
    assert len(found["image"]) == (10 if memory_mb else 11)
    assert set(np.unique(found["image"][:, 0, 0, 0])) == {1, 2, 3, 5, 6, 7, 8, 9, 10, 11}
    assert ("2 of 12" if memory_mb else "1 of 12") in caplog.text
    assert "cat/00.png" in caplog.text
    for path in (tmp_path / "train" / "cat").iterdir():
        path.write_bytes(b"no image")
    with pytest.raises(UserError, match="none of the 12 images"):
        data.load(section)


def test_folders_without_usable_images_are_refused(tmp_path):
    with pytest.raises(UserError, match="holds no images"):
        data.load(dict(name="folder", path=str(tmp_path)))
    with pytest.raises(UserError, match=r"data.path is empty"):
        data.load(dict(name="folder"))
    (tmp_path / "a.zip").write_bytes(b"PK but not really")
    with pytest.raises(UserError, match="neither a folder nor a readable"):
        data.load(dict(name="folder", path=str(tmp_path / "a.zip")))
    write_images(tmp_path / "mixed", sizes=((8, 8), (9, 8)))
    with pytest.raises(UserError, match=r"cat/00.png is 8x8, cat/01.png is 9x8"):
        data.load(dict(name="folder", path=str(tmp_path / "mixed")))
    assert data.load(dict(name="folder", path=str(tmp_path / "mixed"), size=4)).info.image == (4, 4, 3)


def test_large_folders_are_decoded_by_batch_with_the_same_result(tmp_path):
    write_images(tmp_path, sizes=((8, 8), (12, 9)))
    section = dict(name="folder", path=str(tmp_path), size=6)
    whole = data.load(section).batches("train", 10, 0)(3)
    for workers in (0, 3):
        lazy = data.load({**section, "memory_mb": 0, "workers": workers}).batches("train", 10, 0)(3)
        assert all(np.array_equal(whole[key], lazy[key]) for key in whole)


def test_the_hash_split_is_stable_and_about_a_tenth():
    names = [f"class/{i:05d}.png" for i in range(3000)]
    _, splits = folder.split(names)
    assert abs(len(splits["test"]) - 300) < 60
    _, fewer = folder.split(names[:1500])
    assert set(fewer["test"]) == {i for i in splits["test"] if i < 1500}


@pytest.mark.parametrize("labels", [None, np.arange(20)[:, None] % 3])
def test_arrays_from_npz_and_npy(tmp_path, labels):
    images = np.random.default_rng(0).integers(0, 256, (20, 5, 6), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", x=images, **({} if labels is None else {"y": labels}))
    np.save(tmp_path / "a.npy", images[..., None])
    found = [all_of(dict(name="array", path=str(tmp_path / name), train="train+test")) for name in ("a.npz", "a.npy")]
    order = [i for i in range(20) if i % 10 != 9] + [9, 19]
    for one in found:
        np.testing.assert_array_equal(one["image"][..., 0], images[order])
    assert ("label" in found[0]) == (labels is not None)
    if labels is not None:
        np.testing.assert_array_equal(found[0]["label"], labels[order, 0])


def test_arrays_that_are_not_images_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", pictures=np.zeros((3, 4, 4), np.uint8))
    np.save(tmp_path / "b.npy", np.zeros((3, 4, 4), np.float32))
    np.savez(tmp_path / "c.npz", x=np.zeros((3, 4, 4), np.uint8), y=np.zeros(4, int))
    for name, message in (("a.npz", "holds pictures"), ("b.npy", "float32"), ("c.npz", "3 images but 4 labels")):
        with pytest.raises(UserError, match=message):
            data.load(dict(name="array", path=str(tmp_path / name)))


def test_info_survives_json():
    import json

    info = data.load(dict(name="shapes")).info
    assert data.Info.from_dict(json.loads(json.dumps(info.to_dict()))) == info


def test_a_contact_sheet_shows_shuffled_training_images():
    sheet = np.asarray(data.contact_sheet(dict(name="digits"), rows=2, columns=3))
    assert sheet.shape == (2 * 66 + 2, 3 * 66 + 2, 3)
    image = data.load({}).batches("train", 6, 0)(0)["image"][4, ..., 0]
    np.testing.assert_array_equal(sheet[68 : 68 + 64 : 8, 68 : 68 + 64 : 8, 0], image)
