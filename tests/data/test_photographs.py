"""Photographs: windows are pieces of the files, drawn from the index alone; what is held out; what is refused."""

import numpy as np
import pytest
from PIL import Image

from jaxgen import data
from jaxgen.core import UserError
from jaxgen.data import photographs
from jaxgen.data.settings import parse

SIZES = {"a1.png": (30, 20), "a2.png": (17, 41), "b1.png": (24, 24), "c.png": (16, 90)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Four photographs of noise, so that a window can lie in one place only."""
    path = tmp_path_factory.mktemp("photographs")
    for seed, (name, size) in enumerate(SIZES.items()):
        pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(path / name)
    return path


def settings(folder, **changes):
    return {"name": "photographs", "path": str(folder), "size": 12, "hold": ("b*.png",), **changes}


def place(window, folder, names):
    """(name, top, left, quarter turns) of a window."""
    for name in names:
        whole = np.asarray(Image.open(folder / name))
        view = np.lib.stride_tricks.sliding_window_view(whole[..., 0], window.shape[:2])
        for turns in range(4):
            turned = np.rot90(window, -turns)
            for top, left in np.argwhere((view[..., 0, 0] == turned[0, 0, 0]) & (view[..., 0, 1] == turned[0, 1, 0])):
                if (whole[top : top + 12, left : left + 12] == turned).all():
                    return name, int(top), int(left), turns
    raise AssertionError("a window of no photograph")


def test_windows_are_pieces_of_training_photographs(folder):
    found = data.load(settings(folder, turn=True))
    assert found.info.image == (12, 12, 3)
    batch = found.batches("train", 24, 0)(3)
    np.testing.assert_array_equal(
        batch["image"], data.load(settings(folder, turn=True)).batches("train", 24, 0)(3)["image"]
    )
    places = [place(window, folder, ("a1.png", "a2.png", "c.png")) for window in batch["image"]]
    assert {name for name, *_ in places} == {"a1.png", "a2.png", "c.png"}
    assert {turns for *_, turns in places} == {0, 1, 2, 3}
    assert len({(name, top, left) for name, top, left, _ in places}) > 12
    plain = data.load(settings(folder)).batches("train", 8, 0)(0)["image"]
    assert {place(window, folder, SIZES)[-1] for window in plain} == {0}


def test_windows_reach_every_border(folder):
    split = photographs.open(parse(settings(folder, hold=("[bc]*.png", "a2.png")))).splits["train"]
    tops, lefts = zip(*[place(w, folder, ["a1.png"])[1:3] for w in split.gather(np.arange(400))["image"]])
    assert (min(tops), max(tops), min(lefts), max(lefts)) == (0, 18, 0, 8)


def test_what_is_held_out(folder, tmp_path):
    found = data.load(settings(folder))
    assert found.info.sizes["test"] == 1
    whole = np.asarray(Image.open(folder / "b1.png"))
    np.testing.assert_array_equal(found.batches("test", 1, 0)(0)["image"][0], whole[6:18, 6:18])
    Image.fromarray(whole[:13, :14]).save(tmp_path / "more.png")
    both = list(data.wholes(settings(folder, test_path=str(tmp_path))))
    assert [(name, image.shape) for name, image in both] == [("b1.png", (24, 24, 3)), ("more.png", (13, 14, 3))]
    np.testing.assert_array_equal(both[0][1], whole)
    only = settings(folder, test_path=str(tmp_path), hold=())
    assert [name for name, _ in data.wholes(only)] == ["more.png"]
    assert len(list(data.wholes(only, "train"))) == 4
    assert [name for name, _ in data.wholes({**only, "test": "test[:0%]+test[-1:]"})] == ["more.png"]


def test_wholes_of_other_sets():
    images = list(data.wholes({"name": "constant"}))
    assert len(images) == data.load({"name": "constant"}).info.sizes["test"]
    assert images[0][1].ndim == 3


def test_grey_and_transparent_files_become_three_channels(tmp_path):
    Image.fromarray(np.full((16, 16), 90, np.uint8)).save(tmp_path / "grey.png")
    Image.fromarray(np.full((16, 16, 4), (10, 20, 30, 0), np.uint8)).save(tmp_path / "clear.png")
    found = data.load(settings(tmp_path, hold=("clear.png",)))
    assert (found.batches("train", 2, 0)(0)["image"] == 90).all()
    assert (found.batches("test", 1, 0)(0)["image"] == 255).all()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"size": 18}, r"a2\.png is 41x17 pixels, smaller than data.size=18"),
        ({"size": 0}, "data.size is 0"),
        ({"hold": ("z*",)}, "matches none of the 4"),
        ({"hold": ("*",)}, "held out"),
        ({"test_path": "nowhere"}, "data.test_path"),
        ({"path": ""}, "data.path is empty"),
    ],
)
def test_bad_settings(folder, change, says):
    with pytest.raises(UserError, match=says):
        data.load(settings(folder, **change))
