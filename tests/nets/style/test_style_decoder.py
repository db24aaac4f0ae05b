"""The mirrored decoder undoes the encoder's sizes."""

import jax
import jax.numpy as jnp

from jaxgen.core import trees
from jaxgen.nets.features.vgg import VGG
from jaxgen.nets.roles import functional
from jaxgen.nets.style.decoder import MirroredDecoder


def shapes(decoder, encoder, side):
    encode, decode = functional(encoder), functional(decoder)

    def both():
        x = jnp.zeros((1, side, side, 3))
        params, _ = encode.init(jax.random.key(0), x)
        last = f"relu{len(encoder.widths)}_{encoder.depths[-1]}"
        features = encode.apply(params, {}, x)[0][last]
        weights, _ = decode.init(jax.random.key(0), features)
        return decode.apply(weights, {}, features)[0], weights

    return jax.eval_shape(both)


def test_a_small_decoder_gives_pictures_of_the_encoders_size():
    network = dict(widths=(4, 6, 8), depths=(1, 2, 1))
    picture, _ = shapes(MirroredDecoder(**network), VGG(**network), 16)
    assert picture.shape == (1, 16, 16, 3)


def test_the_papers_decoder_has_nine_convolutions():
    """AdaIN's decoder of relu4_1: 512-256, 256-256 three times, 256-128, 128-128, 128-64, 64-64, 64-3."""
    network = dict(widths=(64, 128, 256, 512), depths=(2, 2, 4, 1))
    _, weights = shapes(MirroredDecoder(**network), VGG(**network), 32)
    sizes = [weights[name]["kernel"].shape[2:] for name in sorted(weights, reverse=True)]
    assert sizes == [(512, 256), *[(256, 256)] * 3, (256, 128), (128, 128), (128, 64), (64, 64), (64, 3)]
    assert trees.size(weights) == 3_505_219
