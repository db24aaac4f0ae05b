"""Pairs of contents and styles: any size and kind of file, windows as a function of (seed, step)."""

import zipfile
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from jaxgen import data
from jaxgen.core import UserError
from jaxgen.data import style
from jaxgen.data.settings import Settings


def encoded(mode, size, colour):
    file = BytesIO()
    Image.new(mode, size, colour).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def folders(tmp_path):
    """Contents: grey, RGBA, upright, tiny and damaged ones in a .zip; styles in a folder."""
    with zipfile.ZipFile(tmp_path / "contents.zip", "w") as archive:
        archive.writestr("a_grey.png", encoded("L", (40, 30), 100))
        archive.writestr("b_clear.png", encoded("RGBA", (30, 50), (0, 0, 0, 0)))
        archive.writestr("c_tiny.png", encoded("RGB", (3, 5), (10, 20, 30)))
        archive.writestr("d_damaged.png", b"\x89PNG no more")
        archive.writestr("e_held.png", encoded("RGB", (64, 64), (200, 0, 0)))
    (tmp_path / "styles").mkdir()
    for name, colour in (("one", (1, 2, 3)), ("two", (4, 5, 6))):
        (tmp_path / "styles" / f"{name}.png").write_bytes(encoded("RGB", (20, 24), colour))
    return dict(name="style", path=str(tmp_path / "contents.zip"), style=str(tmp_path / "styles"), shape=(8, 12))


def test_every_kind_of_file_becomes_rgb_windows(folders):
    found = data.load({**folders, "short": 16, "hold": ("e_*",)})
    assert found.info.image == (8, 12, 3)
    assert found.info.sizes == {"train": style.PAIRS, "test": 2}
    batch = found.batches("train", 32, 0)(0)
    assert batch["image"].shape == batch["style"].shape == (32, 8, 12, 3)
    colours = {tuple(image[0, 0]) for image in batch["image"]}
    assert colours == {(100, 100, 100), (255, 255, 255), (10, 20, 30)}
    assert {tuple(image[0, 0]) for image in batch["style"]} == {(1, 2, 3), (4, 5, 6)}
    held = next(found.epoch("test", 2))
    assert (held["image"] == np.array([200, 0, 0])).all()
    assert held["style"][:, 0, 0].tolist() == [[1, 2, 3], [4, 5, 6]]


def test_windows_depend_on_seed_and_step_alone():
    section = dict(name="style", path="shapes", style="textures", shape=(8, 8), short=32)
    one, two = data.load(section), data.load(section)
    batch = one.batches("train", 8, seed=1)
    one.batches("train", 8, seed=1)(0)
    for key in ("image", "style"):
        np.testing.assert_array_equal(batch(5)[key], two.batches("train", 8, seed=1)(5)[key])
        assert (batch(5)[key] != batch(6)[key]).any()
        assert (batch(5)[key] != two.batches("train", 8, seed=2)(5)[key]).any()
    halves = [one.batches("train", 8, 1, process_index=i, process_count=2)(5)["style"] for i in (0, 1)]
    np.testing.assert_array_equal(np.concatenate(halves), batch(5)["style"])


def test_whole_pictures_meet_once(folders, tmp_path):
    found = data.load({**folders, "path": f"{folders['path']}/e_held.png"})
    assert found.info.sizes == {"train": 2, "test": 2}
    batch = found.batches("train", 2, 0)(0)
    assert {tuple(image[0, 0]) for image in batch["style"]} == {(1, 2, 3), (4, 5, 6)}
    alone = data.load({**folders, "style": str(tmp_path / "styles" / "one.png")})
    assert alone.info.sizes["train"] == 5


def test_windows_lie_inside_the_picture_and_reach_its_borders(tmp_path):
    ramp = np.broadcast_to(np.arange(40, dtype=np.uint8)[None, :, None], (16, 40, 3))
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    path = str(tmp_path / "ramp.png")
    found = data.load(dict(name="style", path=path, style="textures", shape=(16, 10), short=16))
    images = found.batches("train", 300, 0)(0)["image"]
    lefts = images[:, 0, 0, 0]
    assert (np.diff(images[:, 0, :, 0].astype(int), axis=1) == 1).all()
    assert set(lefts) == set(range(31))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (dict(path="none"), "data.path: there is nothing"),
        (dict(style=""), "data.style is empty"),
        (dict(short=4), "less than the 8x12"),
        (dict(shape=(8,)), "data.shape should be"),
        (dict(short=16, hold=("z*",)), "matches 0 of 5"),
    ],
)
def test_bad_settings_are_one_sentence(folders, change, says):
    with pytest.raises(UserError, match=says):
        data.load({**folders, **change})


def test_a_missing_member_names_the_others(folders):
    with pytest.raises(UserError, match=r"holds no image z.png; it has a_grey.png"):
        style.pictures(f"{folders['path']}/z.png", "data.path", Settings(size=8))
