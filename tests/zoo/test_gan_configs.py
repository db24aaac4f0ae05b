"""GAN configs become methods; what does not fit together is refused with a sentence."""

import jax
import jax.numpy as jnp
import pytest

from jaxgen.core import UserError, Weights
from jaxgen.data.info import Info
from jaxgen.zoo import configs, gan, methods

DIGITS = Info("digits", (8, 8, 1), tuple("0123456789"))
NAMES = [name for name in configs.names() if name.startswith("gan/")]


def batch(method, size):
    lead = (method.batches_per_step, size) if method.batches_per_step > 1 else (size,)
    return {"image": jnp.zeros((*lead, 8, 8, 1), jnp.uint8), "label": jnp.zeros(lead, jnp.int32)}


FULL = {"mnist": (28, 28, 1), "cifar10": (32, 32, 3), "celeb_a": (64, 64, 3), "digits": (8, 8, 1)}


@pytest.mark.parametrize("name", NAMES)
def test_the_full_form_of_every_config_fits_its_images(name):
    config = configs.load(name)
    shape = FULL[config.data.name]
    method = methods.build(config, Info(config.data.name, shape, tuple("0123456789")))
    lead = (method.batches_per_step, 2) if method.batches_per_step > 1 else (2,)
    data = {"image": jnp.zeros((*lead, *shape), jnp.uint8), "label": jnp.zeros(lead, jnp.int32)}
    state = jax.eval_shape(method.init, jax.random.key(0), data, {})
    task = method.tasks["sample"]
    inputs = {key: jnp.zeros((3, *spec.shape), spec.dtype) for key, spec in task.inputs.items()}
    keys = jax.random.split(jax.random.key(0), 3)
    out = jax.eval_shape(task.fn, Weights(state.params, state.stats, {}, {}), keys, inputs)
    assert out["image"].shape == (3, *shape)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["method.objective=hnge"], "Did you mean 'hinge'"),
        (["method.penalty.name=r2"], "Unknown method.penalty.name"),
        (["method.penalty.name=clip"], "positive bound"),
        (["method.n_critic=0"], "at least 1"),
        (["method.prior=gaussian"], "Unknown latent prior"),
        (["train.micro=3"], "does not divide"),
        (["nets.generator.name=dcgan_critc"], "Unknown network"),
        (["optim.discriminator.name=adm"], "Did you mean 'adam'"),
    ],
)
def test_what_does_not_fit_is_refused(overrides, message):
    with pytest.raises(UserError, match=message):
        gan.build(configs.load("gan/dcgan_digits:smoke", overrides), DIGITS)


def test_a_conditional_model_needs_labels():
    with pytest.raises(UserError, match="no labels"):
        gan.build(configs.load("gan/cgan_digits:smoke"), DIGITS._replace(classes=()))


def test_objective_and_penalty_are_chosen_from_the_command_line():
    overrides = ["method.objective=wasserstein", "method.penalty.name=gradient", "method.penalty.weight=10"]
    method = gan.build(configs.load("gan/dcgan_digits:smoke", overrides), DIGITS)
    data = batch(method, 8)
    state = jax.eval_shape(method.init, jax.random.key(0), data, {})
    _, metrics = jax.eval_shape(method.step, state, data)
    assert "discriminator/penalty" in metrics
