"""The number of parameters that `jaxgen zoo` shows is the number of weights the config trains."""

import jax
import numpy as np
import pytest

from jaxgen.core import trees
from jaxgen.data import Info
from jaxgen.zoo import configs, frozen, methods

INFOS = {
    "digits": Info("digits", (8, 8, 1), tuple("0123456789")),
    "mnist": Info("mnist", (28, 28, 1), tuple("0123456789")),
    "cifar10": Info("cifar10", (32, 32, 3), tuple("0123456789")),
    "celeb_a": Info("celeb_a", (64, 64, 3)),
    "imagenet2012": Info("imagenet2012", (256, 256, 3), tuple(map(str, range(1000)))),
    "folder": Info("folder", (32, 32, 3), tuple("0123456789")),
    "style": Info("style", (256, 256, 3)),
    "photographs": Info("photographs", (96, 96, 3)),
    "moving_mnist": Info("moving_mnist", (64, 64, 1)),
    "moving_digits": Info("moving_digits", (24, 24, 1)),
    "radar-128.npz": Info("radar-128", (128, 128, 1)),
    "lpc-sprites-1800x8x64.npz": Info("lpc-sprites-1800x8x64", (64, 64, 3), tuple("012345678"), frames=8),
}


def two_sets(config):
    """What is known of two sets of images, of the size that they get."""
    if not {"target", "drawing"} & set(config.data):
        return None
    shape = (config.data.size, config.data.size, config.data.channels)
    return Info(config.data.name, shape, targets={"train": "paired"})


def count(name: str) -> int:
    config = configs.load(name)
    info = two_sets(config) or INFOS.get(config.data.path) or INFOS[config.data.name]
    if "frames" in config.data:
        info = info._replace(frames=config.data.frames or info.frames)
        info = info._replace(image=(*[config.data.size or side for side in info.image[:2]], info.image[2]))
    height, width = config.data.get("shape", info.image[:2])
    channels = info.image[2]
    pad = 2 * config.data.pad
    info = info._replace(image=(height + pad, width + pad, channels))
    method = methods.build(config, info)
    lead = (method.batches_per_step,) if method.batches_per_step > 1 else ()
    batch = {"image": jax.ShapeDtypeStruct((*lead, 1, *info.image), np.uint8)}
    if config.data.name == "style":
        batch["style"] = batch["image"]
    if info.frames:
        batch = {"video": jax.ShapeDtypeStruct((1, info.frames, *info.image), np.uint8)}
    if info.targets:
        batch["target"] = batch["image"]
    if info.classes:
        batch["label"] = jax.ShapeDtypeStruct((*lead, 1), np.int32)
    return trees.size(jax.eval_shape(method.init, jax.random.key(0), batch, frozen.abstract(config)).params)


@pytest.mark.parametrize("name", configs.names())
def test_parameters(name):
    assert configs.facts(name)["parameters"] == f"{count(name):,}"
