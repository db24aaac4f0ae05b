"""Style transfer: Gatys' pixels reach known answers, AdaIN's tasks keep their promises."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgen import optim
from jaxgen.core import UserError, weights
from jaxgen.methods.adain import adain
from jaxgen.methods.gatys import gatys
from jaxgen.methods.stylize import Weighting
from jaxgen.nets.features.vgg import VGG
from jaxgen.nets.roles import functional
from jaxgen.nets.style.decoder import MirroredDecoder
from jaxgen.objectives import style
from jaxgen.ops.images import to_float
from jaxgen.zoo.defaults import optimizer

KEY = jax.random.key(0)
NETWORK = dict(widths=(4, 6), depths=(1, 1))
ENCODER = functional(VGG(**NETWORK, pooling="average"))
LAYERS = ("relu1_1", "relu2_1")
SHAPE = (8, 10, 3)
FROZEN = {"encoder": ENCODER.init(jax.random.key(7), jnp.zeros((1, 8, 8, 3)))[0]}
RANDOM = np.random.default_rng(0)
BATCH = {name: RANDOM.integers(0, 256, (2, *SHAPE), np.uint8) for name in ("image", "style")}


def fit(method, steps, batch=BATCH):
    def run(batch):
        state = method.init(KEY, batch, FROZEN)
        last, metrics = jax.lax.scan(lambda s, _: method.step(s, batch), state, None, length=steps)
        return state, last, metrics

    return jax.jit(run)(batch)


def make(tx=None, images=2, **changes):
    tx = tx or optax.adam(0.05)
    settings = dict(content_layers=("relu1_1",), style_layers=LAYERS, **changes)
    return gatys(ENCODER, tx, image=SHAPE, images=images, **settings)


def stylized(method, state, count=2):
    keys = jax.random.split(KEY, count)
    return method.tasks["stylize"].fn(weights(state), keys, {"index": jnp.arange(count)})["image"]


@pytest.mark.parametrize("name", ["adam", "lbfgs"])
def test_content_alone_brings_noise_to_the_photographs_features(name):
    """With the content term only, the photograph has loss zero; pixels that silence filters are slow to get there."""
    tx = optim.build(optimizer(name=name, lr=0.05), 40)
    _, _, metrics = fit(make(tx, weighting=Weighting(1.0, 0.0, 0.0), start="noise"), 40)
    loss = np.asarray(metrics["image/loss"])
    assert loss[-1] < {"adam": 0.06, "lbfgs": 0.03}[name] * loss[0]


def test_style_alone_brings_the_photograph_to_the_paintings_gram_matrices():
    method = make(optim.build(optimizer(name="lbfgs"), 40), weighting=Weighting(0.0, 1.0, 0.0))
    _, last, metrics = fit(method, 40)
    assert metrics["image/style"][-1] < 1e-2 * metrics["image/style"][0]
    inputs = {"image": stylized(method, last), "content": to_float(BATCH["image"]), "style": to_float(BATCH["style"])}
    found = method.tasks["losses"].fn(weights(last), jax.random.split(KEY, 2), inputs)
    # The task clips to what a file can hold.
    assert float(found["style"].mean()) < 0.2 * float(metrics["image/style"][0])
    own = method.tasks["losses"].fn(weights(last), jax.random.split(KEY, 2), {**inputs, "image": inputs["content"]})
    np.testing.assert_allclose(own["content"], 0.0, atol=1e-12)
    np.testing.assert_allclose(own["style"].mean(), metrics["image/style"][0], rtol=1e-4)


@pytest.mark.parametrize("name", ["adam", pytest.param("lbfgs", marks=pytest.mark.long)])
def test_a_picture_does_not_depend_on_its_batch(name):
    tx = optim.build(optimizer(name=name, lr=0.05), 3)
    _, both, _ = fit(make(tx), 3)
    _, alone, _ = fit(make(tx, images=1), 3, {key: value[1:] for key, value in BATCH.items()})
    np.testing.assert_allclose(alone.params["image"]["pixels"][0], both.params["image"]["pixels"][1], atol=2e-4)


def test_luminance_keeps_the_photographs_chroma():
    """A grey photograph stays grey, whatever the painting's colours."""
    grey = {**BATCH, "image": np.broadcast_to(BATCH["image"][..., :1], BATCH["image"].shape)}
    method = make(colour="luminance")
    first, last, _ = fit(method, 3, grey)
    assert last.params["image"]["pixels"].shape == (2, 8, 10, 1)
    assert (first.params["image"]["pixels"] != last.params["image"]["pixels"]).any()
    picture = np.asarray(stylized(method, last))
    assert np.ptp(picture, axis=-1).max() < 1e-5


def test_matched_colours_change_the_target_only():
    ((_, plain, _), (_, matched, _)) = (fit(make(colour=colour), 1) for colour in ("style", "match"))
    np.testing.assert_array_equal(plain.memory["content"]["relu1_1"].shape, matched.memory["content"]["relu1_1"].shape)
    assert (plain.memory["gram"]["relu1_1"] != matched.memory["gram"]["relu1_1"]).any()


@pytest.mark.parametrize(
    ("changes", "says"),
    [(dict(start="black"), "method.start"), (dict(colour="grey"), "method.colour")],
)
def test_unknown_settings_are_named(changes, says):
    with pytest.raises(UserError, match=says):
        make(**changes)


def test_an_unknown_layer_is_named():
    with pytest.raises(UserError, match="layer of the encoder"):
        fit(gatys(ENCODER, optax.sgd(1.0), image=SHAPE, images=2, style_layers=("relu9_1",)), 1)


def test_pictures_too_small_for_a_layer_are_refused():
    small = {key: value[:, :1] for key, value in BATCH.items()}
    with pytest.raises(UserError, match="1x10 pixels are too small for relu2_1"):
        fit(make(), 1, small)


# ---- AdaIN

DECODER = functional(MirroredDecoder(**NETWORK))


def model(**sampler):
    return adain(ENCODER, DECODER, optax.adam(3e-3), image=SHAPE, layers=LAYERS, sampler=sampler)


@pytest.fixture(scope="module")
def trained():
    return fit(model(), 60)


def run(method, state, **inputs):
    count = len(inputs["content"])
    alpha = jnp.broadcast_to(jnp.asarray(inputs.pop("alpha", 1.0), jnp.float32), (count,))
    return method.tasks["stylize"].fn(weights(state), jax.random.split(KEY, count), {**inputs, "alpha": alpha})["image"]


CONTENT, PAINT = to_float(BATCH["image"]), to_float(BATCH["style"])


def test_adain_learns_and_its_encoder_stays(trained):
    first, last, metrics = trained
    assert metrics["model/loss"][-1] < 0.5 * metrics["model/loss"][0]
    assert jax.tree.all(jax.tree.map(jnp.array_equal, first.frozen, last.frozen))
    assert jax.tree.all(jax.tree.map(jnp.array_equal, first.memory, last.memory))


def test_alpha_zero_reconstructs_whatever_the_style(trained):
    _, state, _ = trained
    method = model()
    plain = run(method, state, content=CONTENT, style=PAINT, alpha=0.0)
    np.testing.assert_allclose(plain, run(method, state, content=CONTENT, style=PAINT[::-1], alpha=0.0), atol=1e-6)
    # Giving a picture its own style is the same thing.
    np.testing.assert_allclose(plain, run(method, state, content=CONTENT, style=CONTENT), atol=1e-4)
    assert np.abs(plain - run(method, state, content=CONTENT, style=PAINT)).max() > 0.01


def test_a_mixture_of_one_style_is_that_style(trained):
    _, state, _ = trained
    mixed = model(styles=2)
    assert mixed.tasks["stylize"].inputs["weights"].default == 0.5
    for shares, wanted in (([3.0, 0.0], PAINT), ([0.0, 1.0], PAINT[::-1])):
        inputs = dict(style_1=PAINT, style_2=PAINT[::-1], weights=jnp.array([shares, shares]))
        found = run(mixed, state, content=CONTENT, **inputs)
        np.testing.assert_allclose(found, run(model(), state, content=CONTENT, style=wanted), atol=1e-5)


def test_any_size_is_read_and_given_back(trained):
    _, state, _ = trained
    method = model(size=(13, 7), style_size=(5, 9))
    assert method.tasks["stylize"].outputs["image"].shape == (13, 7, 3)
    picture = run(method, state, content=jnp.zeros((1, 13, 7, 3)), style=jnp.ones((1, 5, 9, 3)))
    assert picture.shape == (1, 13, 7, 3)
    tiny = run(model(style_size=(1, 1)), state, content=CONTENT, style=jnp.ones((2, 1, 1, 3)))
    assert np.isfinite(tiny).all()
    np.testing.assert_allclose(
        run(model(size=(8, 10)), state, content=CONTENT, style=PAINT),
        run(model(), state, content=CONTENT, style=PAINT),
        atol=1e-6,
    )


def test_losses_of_the_two_ends(trained):
    """The style has no style loss; the content's own features differ from the target by AdaIN alone."""
    _, state, _ = trained
    method = model()

    def losses(image):
        inputs = {"image": image, "content": CONTENT, "style": PAINT}
        return method.tasks["losses"].fn(weights(state), jax.random.split(KEY, 2), inputs)

    np.testing.assert_allclose(losses(PAINT)["style"], 0.0, atol=1e-10)
    assert (losses(CONTENT)["style"] > 0.01).all()
    np.testing.assert_allclose(losses(CONTENT)["variation"], style.total_variation(CONTENT))


@pytest.mark.parametrize("sampler", [dict(alhpa=1.0), dict(colour="luminance"), dict(styles=0), dict(size=(3,))])
def test_bad_sampler_settings_are_refused(sampler):
    with pytest.raises(UserError, match=r"sampler|setting"):
        model(**sampler)
