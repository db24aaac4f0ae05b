"""The number of parameters that `jaxgen zoo` shows is the number of weights the config trains."""

import jax
import numpy as np
import pytest

from jaxgen.core import trees
from jaxgen.data import Info
from jaxgen.zoo import configs, methods

INFOS = {
    "digits": Info("digits", (8, 8, 1), tuple("0123456789")),
    "mnist": Info("mnist", (28, 28, 1), tuple("0123456789")),
    "cifar10": Info("cifar10", (32, 32, 3), tuple("0123456789")),
    "celeb_a": Info("celeb_a", (64, 64, 3)),
}


def count(name: str) -> int:
    config = configs.load(name)
    info = INFOS[config.data.name]
    height, width, channels = info.image
    pad = 2 * config.data.pad
    info = info._replace(image=(height + pad, width + pad, channels))
    method = methods.build(config, info)
    lead = (method.batches_per_step,) if method.batches_per_step > 1 else ()
    batch = {"image": jax.ShapeDtypeStruct((*lead, 2, *info.image), np.uint8)}
    if info.classes:
        batch["label"] = jax.ShapeDtypeStruct((*lead, 2), np.int32)
    return trees.size(jax.eval_shape(method.init, jax.random.key(0), batch, {}).params)


@pytest.mark.parametrize("name", configs.names())
def test_parameters(name):
    assert configs.facts(name)["parameters"] == f"{count(name):,}"
