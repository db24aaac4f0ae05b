"""Two sets of images: joined by name, or drawn apart; and what is said when they do not fit."""

import hashlib
import zipfile

import numpy as np
import pytest
from PIL import Image

from jaxgen import data
from jaxgen.core import UserError
from jaxgen.data import batches, outlines, sketched
from jaxgen.data.settings import Settings
from jaxgen.data.source import Source, from_arrays


def write(root, names, *, base=0, size=(6, 4), suffix=".png"):
    """Image i of a set has level base + i."""
    for i, name in enumerate(names):
        path = root / f"{name}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", size, base + i).save(path)
    return str(root)


def archive(folder, target, inside=""):
    with zipfile.ZipFile(target, "w") as file:
        for path in folder.rglob("*.png"):
            file.write(path, f"{inside}{path.relative_to(folder)}")
    return str(target)


def all_of(section, split="train"):
    parts = list(data.load(section).epoch(split, 7))
    return {key: np.concatenate([part[key][part["mask"]] for part in parts]) for key in parts[0] if key != "mask"}


def level(images):
    return images[:, 0, 0, 0].tolist()


NAMES = [f"{i:03d}" for i in range(60)]


def is_test(name):
    return hashlib.sha256(name.encode()).digest()[-1] % 8 == 0


@pytest.mark.parametrize("memory_mb", [2048, 0])
def test_pairs_join_on_names_and_are_held_out_by_their_hash(tmp_path, memory_mb):
    a = write(tmp_path / "a", NAMES)
    b = archive(tmp_path / "b", tmp_path / "b.zip") if write(tmp_path / "b", NAMES, base=100) else ""
    section = dict(name="paired", path=a, target=b, memory_mb=memory_mb)
    info = data.load(section).info
    wanted = {"test": [i for i, name in enumerate(NAMES) if is_test(name)]}
    wanted["train"] = [i for i in range(60) if i not in wanted["test"]]
    assert info.targets == {"train": "paired", "test": "paired"}
    assert data.Info.from_dict(info.to_dict()) == info
    for split, numbers in wanted.items():
        found = all_of(section, split)
        assert level(found["image"]) == numbers
        assert level(found["target"]) == [100 + i for i in numbers]
    batch = data.load(section).batches("train", 9, 0)(4)
    np.testing.assert_array_equal(batch["target"], batch["image"] + 100)


def test_wrapping_folders_suffixes_and_train_folders_do_not_matter(tmp_path):
    a = write(tmp_path / "a" / "photos", ["train/x", "train/y", "val/x"])
    write(tmp_path / "b" / "deep" / "labels", ["train/y", "train/x", "val/x"], base=50, suffix=".bmp")
    section = dict(name="paired", path=a, target=str(tmp_path / "b"))
    train, test = all_of(section), all_of(section, "test")
    assert (level(train["image"]), level(train["target"])) == ([0, 1], [51, 50])
    assert (level(test["image"]), level(test["target"])) == ([2], [52])


@pytest.mark.parametrize("side", ["left", "right"])
def test_both_halves_of_one_picture(tmp_path, side):
    (tmp_path / "train").mkdir()
    for i in range(3):
        picture = np.full((4, 10), 10 + i, np.uint8)
        picture[:, 5:] = 200 + i
        Image.fromarray(picture).save(tmp_path / "train" / f"{i}.png")
    found = all_of(dict(name="paired", path=str(tmp_path), target=side))
    assert found["image"].shape == found["target"].shape == (3, 4, 5, 1)
    left, right = ("target", "image") if side == "left" else ("image", "target")
    assert (np.unique(found[left]).tolist(), np.unique(found[right]).tolist()) == ([10, 11, 12], [200, 201, 202])


def test_files_without_a_partner_are_named_or_left_out(tmp_path):
    section = dict(name="paired", path=write(tmp_path / "a", NAMES), target=write(tmp_path / "b", [*NAMES[:57], "zz"]))
    with pytest.raises(UserError, match=r"3 of .*a \(a/057.png, a/058.png, a/059.png\) and 1 of .*b \(b/zz.png\)"):
        data.load(section)
    found = data.load({**section, "common_names": True})
    assert sum(found.info.sizes.values()) == 57


def test_a_pair_with_a_damaged_half_is_left_out(tmp_path):
    section = dict(name="paired", path=write(tmp_path / "a", NAMES), target=write(tmp_path / "b", NAMES, base=100))
    first, second = [name for name in NAMES if not is_test(name)][:2]
    (tmp_path / "b" / f"{first}.png").write_bytes(b"no image")
    whole = (tmp_path / "a" / f"{second}.png").read_bytes()
    (tmp_path / "a" / f"{second}.png").write_bytes(whole[:43])  # its header is whole
    for memory_mb in (2048, 0):
        found = all_of({**section, "memory_mb": memory_mb})
        np.testing.assert_array_equal(found["target"], found["image"] + 100)
        assert not {NAMES.index(first), NAMES.index(second)} & set(level(found["image"]))


def test_unpaired_sets_of_any_length_are_drawn_apart(tmp_path):
    a, b = write(tmp_path / "a", NAMES[:20]), write(tmp_path / "b", [f"q{n}" for n in NAMES[:50]], base=100)
    section = dict(name="unpaired", path=a, target=b)
    found = data.load(section)
    assert found.info.targets == {"train": "unpaired", "test": "unpaired"}
    size = {"a": found.info.sizes["train"], "b": sum(not is_test(f"q{n}") for n in NAMES[:50])}
    batch = found.batches("train", 10, 0)
    steps = [batch(step) for step in range(200)]
    images = np.array([level(one["image"]) for one in steps]).ravel()
    targets = np.array([level(one["target"]) for one in steps]).ravel()
    # Each set runs through its own permutations ...
    for values, count in ((images, size["a"]), (targets, size["b"])):
        whole = np.sort(values[: len(values) // count * count].reshape(-1, count), axis=1)
        assert (whole == whole[0]).all()
        assert len(set(whole[0])) == count
    # ... and whatever stands beside whatever comes up: of all pairs, about 1 - exp(-draws / pairs) are seen.
    seen = len(set(zip(images, targets))) / (size["a"] * size["b"])
    assert seen == pytest.approx(1 - np.exp(-2000 / (size["a"] * size["b"])), abs=0.05)
    again = data.load(section).batches("train", 10, 0)(7)
    assert all(np.array_equal(again[key], steps[7][key]) for key in again)


def test_unpaired_batches_do_not_depend_on_the_number_of_processes():
    rng = np.random.default_rng(0)
    some, other = (from_arrays(image=rng.integers(0, 255, (n, 4, 4, 1), np.uint8)) for n in (7, 11))
    look = Settings(flip=True, random_crop=1)
    whole = batches.batches(some, look, 12, 3, targets=other)(5)
    parts = [batches.batches(some, look, 12, 3, process_index=p, process_count=3, targets=other)(5) for p in range(3)]
    for key, values in whole.items():
        np.testing.assert_array_equal(values, np.concatenate([part[key] for part in parts]))


def test_an_epoch_marks_where_targets_start_again():
    some, other = (from_arrays(image=np.arange(n, dtype=np.uint8)[:, None, None, None]) for n in (5, 3))
    parts = list(batches.epoch(some, 4, targets=other))
    assert np.concatenate([level(part["target"]) for part in parts])[:5].tolist() == [0, 1, 2, 0, 1]
    assert np.concatenate([part["target_mask"] for part in parts])[:5].tolist() == [True] * 3 + [False] * 2


def test_both_images_of_a_pair_move_alike_and_others_do_not():
    images = np.random.default_rng(0).integers(0, 255, (40, 6, 6, 1), np.uint8)
    look = Settings(flip=True, random_crop=2)
    pair = batches.batches(from_arrays(image=images, target=images), look, 40, 0)(0)
    np.testing.assert_array_equal(pair["image"], pair["target"])
    apart = batches.batches(from_arrays(image=images[:1]), look, 40, 0, targets=from_arrays(image=images[:1]))(0)
    assert (apart["image"] != apart["target"]).any(axis=(1, 2, 3)).mean() > 0.8


def test_common_names_hold_out_true_pairs_of_unpaired_sets(tmp_path):
    a, b = write(tmp_path / "a", NAMES), write(tmp_path / "b", NAMES[:40], base=100)
    section = dict(name="unpaired", path=a, target=b, common_names=True)
    found = data.load(section)
    assert found.info.targets == {"train": "unpaired", "test": "paired"}
    test = all_of(section, "test")
    assert level(test["image"]) == [i for i in range(40) if is_test(NAMES[i])]
    np.testing.assert_array_equal(test["target"], test["image"] + 100)
    assert found.info.sizes["train"] == sum(not is_test(name) for name in NAMES)


def test_folders_inside_an_archive_and_folders_for_each_kind(tmp_path):
    write(tmp_path / "set", [f"cat/{n}" for n in NAMES[:20]] + [f"dog/{n}" for n in NAMES[:30]])
    packed = archive(tmp_path / "set", tmp_path / "set.zip")
    found = data.load(dict(name="unpaired", path=f"{packed}/cat", target=f"{packed}/dog"))
    assert sum(found.info.sizes.values()) == 20
    with pytest.raises(UserError, match=r"no images below bird/; its folders are cat, dog"):
        data.load(dict(name="unpaired", path=f"{packed}/bird", target=f"{packed}/dog"))
    write(tmp_path / "kinds", ["trainA/1", "trainA/2", "trainB/7", "testA/3", "testB/8", "testB/9"])
    found = all_of(dict(name="unpaired", path=str(tmp_path / "kinds")))
    assert (level(found["image"]), level(found["target"])) == ([0, 1], [2, 2])
    with pytest.raises(UserError, match="no folders trainA and trainB"):
        data.load(dict(name="unpaired", path=str(tmp_path / "set")))


def test_prepared_sets_with_two_kinds_become_unpaired():
    from jaxgen.data.pairs import from_halves

    parts = {
        name: from_arrays(image=np.zeros((n, 2, 2, 1), np.uint8)) for n, name in enumerate(("trainA", "trainB"), 3)
    }
    found = from_halves(Source("x", parts))
    assert (found.splits["train"].size, found.targets["train"].size) == (3, 4)
    other = Source("y", {"train": parts["trainA"]})
    assert from_halves(other) is other


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (dict(target="nowhere"), "data.target: there is nothing at nowhere"),
        (dict(path="nowhere"), "data.path: there is nothing at nowhere"),
        (dict(target="other"), "no image names in common"),
        (dict(target="wide"), "are 4x6x1 and those of wide 5x5x1; set data.size"),
        (dict(target=""), "set data.target to the second set"),
        (dict(target="empty"), "holds no images"),
        (dict(target="twins"), r"two images of one name, 000.bmp and 000.png"),
    ],
)
def test_what_does_not_fit_is_explained(tmp_path, monkeypatch, change, says):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JAXGEN_DATA", raising=False)
    write(tmp_path / "set", NAMES[:9])
    write(tmp_path / "other", ["q"])
    write(tmp_path / "wide", NAMES[:9], size=(5, 5))
    write(tmp_path / "twins", NAMES[:9])
    write(tmp_path / "twins", NAMES[:1], suffix=".bmp")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=says):
        data.load(dict(name="paired", path="set", target="set") | change)


def test_outlines_are_those_of_their_targets():
    source = outlines.open(Settings(name="outlines"))
    found = source.splits["test"].gather(np.arange(50))
    line, filled = (np.abs(found[key].astype(int) - 245).sum(-1) > 30 for key in ("image", "target"))
    assert (line.sum(axis=(1, 2)) > 8).all()
    # A line is half inside, half outside: it reaches a pixel beyond the shape, and two at the corners of a triangle.
    grown = np.max([np.roll(filled, (i, j), (1, 2)) for i in range(-2, 3) for j in range(-2, 3)], axis=0)
    assert not (line & ~grown).any()
    assert (line.sum() + 100) < filled.sum()
    # Both have the same colour: the darkest pixel of a line is one of the shape.
    for image, target in zip(found["image"], found["target"]):
        where = np.unravel_index(image.astype(int).sum(-1).argmin(), image.shape[:2])
        assert np.abs(target.reshape(-1, 3).astype(int) - image[where]).sum(-1).min() <= 6


def test_emoji_of_two_designers(jaxgen_data):
    section = dict(name="paired", path="noto-emoji-64.zip", target="fxemoji-64.zip", size=16, common_names=True)
    assert data.load(section).info.sizes == {"train": 720, "test": 114}
    found = data.load({**section, "name": "unpaired"})
    assert found.info.sizes == {"train": 1316, "test": 114}
    assert found.info.image == (16, 16, 3)
    with pytest.raises(UserError, match=r"688 of .*noto-emoji-64.zip"):
        data.load({**section, "common_names": False})


def test_edges_are_dark_where_colours_change_and_nowhere_else():
    picture = np.full((1, 9, 9, 3), 200, np.uint8)
    picture[:, :, 4:] = (200, 100, 200)  # one channel falls by 100
    lines = sketched.edges(picture)
    assert (lines[0, :, [3, 4]] == 0).all()
    assert (lines[0, :, :3] == 255).all()
    assert (lines[0, :, 5:] == 255).all()
    faint = sketched.edges(np.where(picture == 100, 180, picture).astype(np.uint8))  # a step of 20 is none
    assert (faint == 255).all()


def test_drawings_turn_with_the_picture():
    picture = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    for draw in sketched.DRAWINGS.values():
        np.testing.assert_array_equal(draw(picture[:, :, ::-1]), draw(picture)[:, :, ::-1])
        np.testing.assert_array_equal(draw(picture.swapaxes(1, 2)), draw(picture).swapaxes(1, 2))
        assert draw(picture).dtype == np.uint8
        assert np.ptp(draw(picture), axis=-1).max() == 0


def test_sketched_pairs_keep_the_split_of_their_folder(tmp_path):
    write(tmp_path / "set", NAMES)
    plain = data.load(dict(name="folder", path=str(tmp_path / "set")))
    found = data.load(dict(name="sketched", path=str(tmp_path / "set"), drawing="grey"))
    assert found.info.sizes == plain.info.sizes
    assert found.info.targets["train"] == "paired"
    batch, same = (some.batches("train", 4, 0)(0) for some in (found, plain))
    np.testing.assert_array_equal(batch["target"], same["image"])
    np.testing.assert_array_equal(batch["image"], sketched.grey(same["image"]))
    with pytest.raises(UserError, match=r"data\.drawing"):
        data.load(dict(name="sketched", path=str(tmp_path / "set"), drawing="oil"))
