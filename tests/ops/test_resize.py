"""Resizing like other programs: Pillow's own code, PyTorch's and TensorFlow's published small examples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from jaxgen.core import UserError
from jaxgen.ops import resize


@pytest.mark.parametrize(("length", "out"), [(32, 299), (299, 32), (64, 299), (500, 299), (7, 20)])
def test_antialias_is_pillow_of_floats(length, out):
    x = np.random.default_rng(0).uniform(0, 255, (length, length)).astype(np.float32)
    theirs = np.asarray(Image.fromarray(x, mode="F").resize((out, out), Image.Resampling.BICUBIC))
    w = resize.matrix("antialias", length, out)
    np.testing.assert_allclose(w @ x @ w.T, theirs, rtol=1e-5, atol=2e-3)


def test_linear_kernels_read_where_they_say():
    np.testing.assert_allclose(resize.matrix("corner", 2, 4) @ [0.0, 1.0], [0, 0.5, 1, 1])
    np.testing.assert_allclose(resize.matrix("centre", 2, 4) @ [0.0, 1.0], [0, 0.25, 0.75, 1])
    np.testing.assert_allclose(resize.matrix("centre", 4, 2) @ [0.0, 1.0, 2.0, 3.0], [0.5, 2.5])
    np.testing.assert_allclose(resize.matrix("corner", 4, 2) @ [0.0, 1.0, 2.0, 3.0], [0, 2])


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(sorted(resize.KERNELS)), st.integers(1, 40), st.integers(1, 40))
def test_rows_sum_to_one(name, length, out):
    np.testing.assert_allclose(resize.matrix(name, length, out).sum(1), 1, atol=1e-12)


def test_images_of_the_size_stay_and_both_axes_are_resized():
    x = np.random.default_rng(0).random((2, 5, 3, 3), np.float32)
    y = np.asarray(resize.resize(x, 4, "centre"))
    rows, columns = resize.matrix("centre", 5, 4), resize.matrix("centre", 3, 4)
    np.testing.assert_allclose(y, np.einsum("mh,bhwc,nw->bmnc", rows, x, columns), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(resize.resize(y, 4, "corner"), y)
    with pytest.raises(UserError, match="resizing kernel"):
        resize.matrix("lanczos", 4, 4)
