"""Frozen networks come from runs, files and seeds; what does not fit is one sentence."""

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict
from safetensors.numpy import save_file

from jaxgen.core import UserError, Weights
from jaxgen.interop.vgg import to_torchvision
from jaxgen.zoo import frozen

NETWORK = dict(name="vgg", widths=(4, 6), depths=(1, 1))


def config(source, **changes):
    return ConfigDict({"nets": {"encoder": {**NETWORK, **changes}}, "frozen": {"encoder": source}})


def equal(a, b):
    return jax.tree.all(jax.tree.map(lambda x, y: np.array_equal(x, y), a, b))


@pytest.fixture(scope="module")
def params():
    return frozen.resolve(config("random:3"), lambda path: None)["encoder"]


def test_seeds_give_the_same_weights_and_the_declared_shapes(params):
    again = frozen.resolve(config("random:3"), lambda path: None)["encoder"]
    assert equal(params, again)
    shapes = frozen.abstract(config("file:nowhere.pth"))["encoder"]
    assert jax.tree.map(lambda x: x.shape, params) == jax.tree.map(lambda x: x.shape, shapes)
    assert frozen.resolve(ConfigDict({"nets": {}}), lambda path: None) == {}


def test_a_file_is_found_below_the_data_folder_too(params, tmp_path, monkeypatch):
    save_file(to_torchvision(params, (1, 1)), tmp_path / "vgg.safetensors")
    for source in (f"file:{tmp_path}/vgg.safetensors", "file:vgg.safetensors"):
        monkeypatch.setenv("JAXGEN_DATA", str(tmp_path))
        found = frozen.resolve(config(source), lambda path: None)["encoder"]
        assert equal(found, params)


def test_a_run_gives_the_part_that_fits(params):
    given = Weights({"model": {"trunk": params, "logits": {"kernel": np.zeros((6, 3))}}}, {}, {}, {})
    found = frozen.resolve(config("run:there"), {"there": given}.__getitem__)["encoder"]
    assert equal(found, params)
    with pytest.raises(UserError, match=r"no network like nets.encoder \(.*conv2_1"):
        frozen.resolve(config("run:there", widths=(4, 8)), {"there": given}.__getitem__)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("vgg.pth", "should read run:PATH or file:PATH"),
        ("files:vgg.pth", "Did you mean 'file'"),
        ("file:none.pth", "no file of weights at none.pth"),
        ("random:three", "whole number"),
    ],
)
def test_bad_sources_are_one_sentence(source, says):
    with pytest.raises(UserError, match=says):
        frozen.resolve(config(source), lambda path: None)


def test_a_file_of_other_sizes_is_named(params, tmp_path):
    save_file(to_torchvision(params, (1, 1)), tmp_path / "vgg.safetensors")
    with pytest.raises(UserError, match=r"does not fit nets.encoder: .*weights differ"):
        frozen.resolve(config(f"file:{tmp_path}/vgg.safetensors", widths=(8, 6)), lambda path: None)
