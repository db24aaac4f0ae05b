"""How pictures of any size come in and go out."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxgen.core import Spec, Task, Tiles, UserError
from jaxgen.zoo import photographs

NOISE = np.random.default_rng(0).integers(0, 256, (31, 47, 3)).astype(np.uint8)


def task(channels=3):
    specs = [Spec("image", (size, size, channels)) for size in (16, 32)]
    return Task(lambda *_: {}, {"image": specs[0]}, {"image": specs[1]}, tiles=Tiles(4, 2))


def test_pictures_of_any_size_and_kind(tmp_path, caplog):
    Image.fromarray(NOISE).save(tmp_path / "photo.png")
    Image.fromarray(NOISE[..., 0]).save(tmp_path / "grey.png")
    clear = np.concatenate([NOISE, np.full((31, 47, 1), 0, np.uint8)], -1)
    (tmp_path / "more").mkdir()
    Image.fromarray(clear).save(tmp_path / "more" / "photo.png")
    found = photographs.read(task(), [str(tmp_path), str(tmp_path / "more")])
    assert list(found) == ["grey", "photo", "photo_2"]
    np.testing.assert_array_equal(found["photo"], NOISE)
    np.testing.assert_array_equal(found["grey"], NOISE[..., :1].repeat(3, -1))
    assert (found["photo_2"] == 255).all()
    assert "transparency" in caplog.text
    assert photographs.read(task(1), [str(tmp_path / "photo.png")])["photo"].shape == (31, 47, 1)


def test_held_out_images_as_pictures():
    held = {"image": NOISE[None, ..., :1]}
    found = photographs.read(task(), ["test:1"], lambda first, stop, name: held[name][first:stop])
    assert found["test_000000"].shape == (31, 47, 3)


def test_where_pictures_go(tmp_path):
    assert photographs.places(tmp_path / "one.png", ["a"]) == [tmp_path / "one.png"]
    assert photographs.places(Path("out"), ["a", "b"]) == [Path("out/a.png"), Path("out/b.png")]
    for out, names, says in (("x.png", ["a", "b"], "folder"), ("x.jpg", ["a"], ".png")):
        with pytest.raises(UserError, match=says):
            photographs.places(Path(out), names)
    photographs.write(tmp_path / "deep" / "one.png", NOISE)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "deep" / "one.png")), NOISE)


@pytest.mark.parametrize(
    ("items", "says"), [([], "needs --input"), (["nowhere.png"], "no file"), (["{}"], "no images")]
)
def test_unreadable_pictures(tmp_path, items, says):
    with pytest.raises(UserError, match=says):
        photographs.read(task(), [item.format(tmp_path) for item in items])
