"""Transforms: transparency, channels, sizes."""

import numpy as np
import pytest
from PIL import Image

from jaxgen.core import UserError
from jaxgen.data import transforms
from jaxgen.data.settings import Settings, parse


def test_transparency_is_composited_on_the_background():
    image = Image.fromarray(np.array([[[200, 100, 0, 255], [200, 100, 0, 0], [200, 100, 0, 51]]], np.uint8))
    made = transforms.build(Settings(background=100), 3)(image)
    np.testing.assert_array_equal(made, [[[200, 100, 0], [100, 100, 100], [120, 100, 80]]])
    assert transforms.build(Settings(background=7, channels=1), 3)(image)[0, 1, 0] == 7


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_mode_becomes_grey_or_colour(mode, channels):
    white = {"I;16": 65535, "I": 65535}.get(mode)
    image = Image.new("RGB", (4, 3), "white").convert(mode) if white is None else Image.new(mode, (4, 3), white)
    made = transforms.build(Settings(channels=channels), 3)(image)
    assert made.shape == (3, 4, channels)
    assert made.dtype == np.uint8
    assert (made == 255).all()


def test_resizing_keeps_what_its_name_says():
    wide = np.zeros((10, 30, 1), np.uint8)
    wide[:, 10:20] = 250
    look = lambda how: transforms.build(Settings(size=10, resize=how, background=77), 1)(wide)[..., 0]  # noqa: E731
    assert (look("crop") == 250).all()
    np.testing.assert_array_equal(look("pad")[[0, 1, 8, 9]], 77)
    assert look("stretch")[5, 5] > 240
    assert look("stretch")[5, 0] < 10


def test_reducing_is_antialiased():
    stripes = np.tile(np.array([0, 255], np.uint8), (64, 32))[..., None]
    made = transforms.build(Settings(size=8), 1)(stripes)
    assert (np.abs(made.astype(int) - 127) <= 8).all()


def test_untouched_arrays_pass_through_and_padding_is_added_last():
    image = np.random.default_rng(0).integers(0, 256, (5, 6, 7), dtype=np.uint8)
    np.testing.assert_array_equal(transforms.build(Settings(), 7)(image), image)
    with pytest.raises(UserError, match="7 channels"):
        transforms.build(Settings(size=4), 7)(image)
    padded = transforms.build(Settings(pad=2, background=9, size=4), 3)(image[..., :3])
    assert padded.shape == (8, 8, 3)
    assert (padded[:2] == 9).all()


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (dict(resize="crp"), "'crop'"),
        (dict(channels=2), "channels is 2"),
        (dict(background=300), "background is 300"),
        (dict(size=-1), "must not be negative"),
    ],
)
def test_settings_out_of_range_are_refused(section, message):
    with pytest.raises(UserError, match=message):
        parse(section)
