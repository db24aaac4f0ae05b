"""Translation configs become methods, and what `jaxgen evaluate` says of translations is what it should say."""

import jax
import numpy as np
import pytest

from jaxgen.core import UserError
from jaxgen.data.info import Info
from jaxgen.zoo import configs, methods
from jaxgen.zoo.cards import translation
from jaxgen.zoo.translate import build_cyclegan, build_pix2pix

NAMES = [name for name in configs.names() if name.startswith("translation/")]
PAIRS = Info("outlines", (8, 8, 3), targets={"train": "paired", "test": "paired"})


def batch(size, shape):
    return {name: jax.ShapeDtypeStruct((size, *shape), np.uint8) for name in ("image", "target")}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n.endswith("pix2pix_emoji") else [pytest.mark.long]) for n in NAMES]
)
def test_the_full_form_of_every_config_fits_its_images(name):
    config = configs.load(name)
    shape = (config.data.size, config.data.size, config.data.channels)
    method = methods.build(config, Info("x", shape, targets={"train": "paired"}))
    state = jax.eval_shape(method.init, jax.random.key(0), batch(2, shape), {})
    after, _ = jax.eval_shape(method.step, state, batch(2, shape))
    assert jax.tree.map(lambda x: (x.shape, x.dtype), state) == jax.tree.map(lambda x: (x.shape, x.dtype), after)


def test_pix2pix_wants_pairs_and_cyclegan_two_kinds():
    pix2pix, cyclegan = (configs.load(f"translation/{name}_emoji:smoke") for name in ("pix2pix", "cyclegan"))
    apart = PAIRS._replace(targets={"train": "unpaired", "test": "paired"})
    with pytest.raises(UserError, match=r"learns from pairs.*data.name=paired"):
        build_pix2pix(pix2pix, apart)
    with pytest.raises(UserError, match="two kinds of images"):
        build_cyclegan(cyclegan, PAIRS._replace(targets={}))
    assert set(build_cyclegan(cyclegan, apart).tasks) == {"translate", "translate_back", "reconstruct"}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("method.objective=lsgan", "Unknown method.objective"),
        ("train.micro=3", "does not divide"),
        ("nets.generator.name=unet_translater", "Did you mean 'unet_translator'"),
        ("data.name=unpaird", None),
    ],
)
def test_what_does_not_fit_is_refused(override, message):
    config = configs.load("translation/pix2pix_emoji:smoke", [override])
    if message:
        with pytest.raises(UserError, match=message):
            build_pix2pix(config, PAIRS)
    else:
        from jaxgen import data

        with pytest.raises(UserError, match="Did you mean 'unpaired'"):
            data.load(config.data)


def pictures(seed, count=30, mean=100.0, spread=20.0, size=12):
    rng = np.random.default_rng(seed)
    return np.clip(mean + spread * rng.standard_normal((count, size, size, 3)), 0, 255).astype(np.uint8)


def test_recoloured_images_have_the_targets_statistics():
    x, targets = pictures(0, mean=80), pictures(1, mean=150, spread=10.0)
    out = translation.recolour(x, targets).astype(np.float64)
    np.testing.assert_allclose(out.mean((1, 2)), np.broadcast_to(targets.mean((0, 1, 2)), (30, 3)), atol=0.5)
    np.testing.assert_allclose(out.std((1, 2)), np.broadcast_to(targets.std((1, 2)).mean(0), (30, 3)), rtol=0.03)
    flat = np.full((1, 12, 12, 3), 7, np.uint8)
    expected = np.broadcast_to(targets.mean((0, 1, 2)), flat.shape)
    np.testing.assert_allclose(translation.recolour(flat, targets), expected, atol=1)


def test_a_shift_is_undone_by_recolouring_but_not_by_the_input():
    x = pictures(0)
    truths = (x.astype(int) + 60).clip(0, 255).astype(np.uint8)
    found = translation.judge_pairs(x, truths, truths, truths)
    assert found["images"] == 30
    assert found["translation"] == {"l1": 0.0, "ssim": pytest.approx(1.0)}
    assert found["input"]["l1"] == pytest.approx(60.0, abs=0.1)
    assert found["recoloured"]["l1"] < 5
    assert found["input"]["ssim"] < found["recoloured"]["ssim"] < 1
    text = translation.table(found | {"back": found, "cycle": 3.25})
    assert "back: the input as it is" in text
    assert "L1 60.00 of 255" in text
    assert "L1 3.25 of 255" in text
    tiny = translation.judge_pairs(x[:, :8, :8], x[:, :8, :8], x[:, :8, :8], x)
    assert tiny["input"]["ssim"] is None
    assert "SSIM" not in translation.table(tiny)


def test_a_judge_tells_two_kinds_apart():
    dark, bright = pictures(0, 120, 60), pictures(1, 90, 180)
    found = translation.judge_kinds(dark[:20], bright[:20], bright[20:30], dark[20:], bright[30:])
    assert (found["input"]["share"], found["translation"]["share"], found["target"]["share"]) == (0.0, 1.0, 1.0)
    # Held-out targets are one more set of their kind, dark pictures are far away.
    distances = [found[name]["distance"] for name in ("target", "translation", "input")]
    assert max(abs(d) for d in distances[:2]) < 0.05 < 10 < distances[2]
    assert "100.0 % taken for targets" in translation.table(found)
