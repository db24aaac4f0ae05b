"""diffusers' names and ours say the same."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict
from random_weights import random_weights
from safetensors.numpy import save_file

from jaxgen.core import UserError, Weights
from jaxgen.interop import autoencoder
from jaxgen.nets.vae.kl import KLAutoencoder
from jaxgen.zoo import frozen

SECTION = dict(name="kl_autoencoder", channels=1, latent=2, widths=(4, 8), blocks=1)


@pytest.fixture(scope="module")
def params():
    module = KLAutoencoder(**{key: value for key, value in SECTION.items() if key != "name"})
    init = lambda key: module.init(key, jnp.zeros((1, 4, 4, 1)), train=False)  # noqa: E731
    return random_weights(init, jax.random.key(0))["params"]


def config(source):
    return ConfigDict({"nets": {"autoencoder": SECTION}, "frozen": {"autoencoder": source}})


def equal(a, b):
    return jax.tree.all(jax.tree.map(lambda x, y: np.array_equal(x, y), a, dict(b)))


def test_there_and_back(params):
    tensors = autoencoder.to_diffusers(params, SECTION)
    assert len(tensors) == len(jax.tree.leaves(params))
    assert equal(autoencoder.from_diffusers(tensors, SECTION), params)


def test_a_file_with_the_older_names_of_attention(params, tmp_path):
    tensors = autoencoder.to_diffusers(params, SECTION)
    older = {}
    for key, value in tensors.items():
        if ".attentions." in key:
            for new, old in autoencoder.OLDER.items():
                key = key.replace(f".{new}.", f".{old}.")
            value = value[:, :, None, None] if value.ndim == 2 else value
        older[key] = value
    assert older.keys() != tensors.keys()
    save_file(older, tmp_path / "kl.safetensors")
    found = frozen.resolve(config(f"file:{tmp_path}/kl.safetensors"), lambda path: None)
    assert equal(found["autoencoder"], params)


def test_a_run_of_a_vae_is_an_autoencoder(params):
    run = Weights({"model": params}, {}, {}, {})
    assert equal(frozen.resolve(config("run:there"), {"there": run}.__getitem__)["autoencoder"], params)


def test_other_files_are_named(params):
    tensors = autoencoder.to_diffusers(params, SECTION)
    with pytest.raises(UserError, match=r"holds extra\.weight"):
        autoencoder.from_diffusers(tensors | {"extra.weight": np.zeros(1)}, SECTION)
    del tensors["decoder.conv_in.weight"]
    with pytest.raises(UserError, match=r"no decoder\.conv_in\.weight"):
        autoencoder.from_diffusers(tensors, SECTION)
