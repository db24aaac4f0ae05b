"""Task inputs from files, task outputs to files."""

import numpy as np
import pytest
from PIL import Image

from jaxgen.core import Spec, Task, UserError
from jaxgen.zoo import files

SHAPE = (6, 8, 3)
PAIR = Task(None, {"image": Spec("image", SHAPE), "other": Spec("image", SHAPE)}, {})
INPAINT = Task(None, {"image": Spec("image", SHAPE), "mask": Spec("mask", (6, 8, 1))}, {})
LABELLED = Task(None, {"label": Spec("label", (), np.int32, 3)}, {})


def picture(path, colour, mode="RGB", size=(8, 6)):
    Image.new(mode, size, colour).save(path)
    return str(path)


def test_loose_files_are_dealt_to_the_inputs_in_turn(tmp_path):
    names = [picture(tmp_path / f"{i}.png", (i, 0, 0)) for i in (10, 20, 30, 40)]
    read = files.read_inputs(PAIR, names)
    assert read["image"].shape == (2, *SHAPE)
    assert read["image"][:, 0, 0, 0].tolist() == [10, 30]
    assert read["other"][:, 0, 0, 0].tolist() == [20, 40]


def test_one_mask_serves_all_images(tmp_path):
    images = [picture(tmp_path / f"{i}.png", (i, i, i)) for i in (1, 2)]
    mask = picture(tmp_path / "mask.png", 255, "L", (16, 12))
    read = files.read_inputs(INPAINT, [*images, f"mask={mask}"])
    assert read["mask"].shape == (2, 6, 8, 1)
    assert read["mask"].dtype == np.float32
    assert (read["mask"] == 1).all()


def test_transparent_pixels_become_white(tmp_path):
    name = picture(tmp_path / "clear.png", (5, 5, 5, 0), "RGBA")
    read = files.read_inputs(Task(None, {"image": Spec("image", SHAPE)}, {}), [name])
    assert (read["image"] == 255).all()


def test_labels_and_held_out_images():
    assert files.read_inputs(LABELLED, ["label=2,0,1"])["label"].tolist() == [2, 0, 1]
    one = Task(None, {"image": Spec("image", SHAPE)}, {})
    taken = files.read_inputs(one, ["test:2-4"], lambda a, b, name: np.full((b - a, *SHAPE), a, np.uint8))
    assert taken["image"].shape == (2, *SHAPE)


@pytest.mark.parametrize(
    ("task", "items", "says"),
    [
        (PAIR, ["missing.png", "b.png"], "no file missing.png"),
        (PAIR, ["who=b.png"], "no input 'who'"),
        (PAIR, [], "needs --input"),
        (LABELLED, ["label=7"], "outside 0 ... 2"),
        (LABELLED, ["label=cat"], "whole numbers"),
        (LABELLED, ["a.png"], "reads no images"),
    ],
)
def test_bad_inputs(task, items, says):
    with pytest.raises(UserError, match=says):
        files.read_inputs(task, items)


def test_corrupt_and_odd_files(tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"not a picture")
    with pytest.raises(UserError, match=r"bad\.png"):
        files.read_inputs(PAIR, [str(bad), str(bad)])
    good = picture(tmp_path / "good.png", (1, 1, 1))
    with pytest.raises(UserError, match="multiple of 2"):
        files.read_inputs(PAIR, [good])


def test_images_are_written_in_three_forms(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (5, *SHAPE), np.uint8)
    files.write_images(tmp_path / "a.npz", images)
    with np.load(tmp_path / "a.npz") as stored:
        np.testing.assert_array_equal(stored["images"], images)
    written = files.write_images(tmp_path / "folder", images, start=3)
    assert [path.name for path in written] == [f"{i:06d}.png" for i in range(3, 8)]
    np.testing.assert_array_equal(np.asarray(Image.open(written[2])), images[2])
    (grid,) = files.write_images(tmp_path / "grid.png", images)
    assert Image.open(grid).size[0] > 8
    assert not list(tmp_path.glob(".*")), "no half-written files remain"
    with pytest.raises(UserError, match=r"\.png"):
        files.write_images(tmp_path / "a.gif", images)
