"""What is reported of super-resolution models."""

import numpy as np
import pytest
from PIL import Image

from jaxgen.core import UserError
from jaxgen.methods.restore import interpolate
from jaxgen.ops import images
from jaxgen.zoo.cards import enlarging

NOISE = np.random.default_rng(0).integers(0, 256, (31, 47, 3)).astype(np.uint8)


def bicubic(scale):
    return lambda low: np.asarray(images.to_uint8(interpolate(images.to_float(low[None]), scale)))[0]


def test_bicubic_is_as_good_as_bicubic():
    card = enlarging.judge(bicubic(3), [("one", NOISE), ("two", NOISE[:25])], 3)
    assert card["model"] == pytest.approx(card["bicubic"])
    assert card["model"].keys() == {"psnr_y", "ssim_y", "psnr_rgb"}
    assert card["border"] == 3
    assert [row["size"] for row in card["photographs"]] == [[30, 45], [24, 45]]
    assert "two" in enlarging.table(card)


def test_what_is_compared_depends_on_the_images():
    grey = enlarging.judge(bicubic(2), [("one", NOISE[..., :1])], 2)
    assert grey["model"].keys() == {"psnr", "ssim"}
    tiny = enlarging.judge(bicubic(2), [("one", NOISE[:12, :12])], 2)
    assert tiny["model"].keys() == {"psnr_y", "psnr_rgb"}
    with pytest.raises(UserError, match="no held-out"):
        enlarging.judge(bicubic(2), [], 2)


def test_kodak_against_the_known_margin(jaxgen_data):
    """Of Kodak's photographs, bicubic's luma PSNR at x2 is near 31 dB on average in the literature's protocol."""
    import zipfile
    from io import BytesIO

    with zipfile.ZipFile(jaxgen_data / "kodak24.zip") as archive:
        photograph = np.asarray(Image.open(BytesIO(archive.read("kodim23.png"))).convert("RGB"))
    card = enlarging.judge(bicubic(2), [("kodim23", photograph)], 2)
    assert 30 < card["bicubic"]["psnr_y"] < 42
