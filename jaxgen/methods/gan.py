"""Generative adversarial networks: any objective, any penalty, any pair of networks, one step.

One training step (Goodfellow et al. 2014, algorithm 1; Arjovsky et al. 2017, algorithm 1):
    (1)  n_critic times: a fresh batch x, fresh latents z;  D <- D - grad_D [ L_D(D(x), D(G(z))) + penalty(D) ]
    (2)  once: fresh latents z;  G <- G - grad_G L_G(D(G(z)))
Both networks run in training mode in both turns, real and generated images in separate passes through D, so that batch
normalisation sees pure batches (Radford et al. 2016). Statistics gathered in a turn are kept for its player only.
A conditional model gives generated images the labels of the batch, so that both carry the same class frequencies.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxgen.core import (
    Aux,
    Averages,
    Lazy,
    Method,
    Spec,
    State,
    Task,
    Turn,
    UserError,
    alternate,
    choose,
    each,
    split_each,
)
from jaxgen.nets.roles import Net
from jaxgen.objectives.adversarial import Objective, critic_loss, generator_loss, non_saturating, per_example
from jaxgen.objectives.penalties import Penalty
from jaxgen.ops.images import to_float

G, D = "generator", "discriminator"

PRIORS: dict[str, Callable[..., jax.Array]] = {
    "normal": jax.random.normal,
    "uniform": lambda key, shape: jax.random.uniform(key, shape, minval=-1.0, maxval=1.0),
}


def slerp(a: jax.Array, b: jax.Array, t: jax.Array) -> jax.Array:
    """Spherical interpolation between latents a and b [D] at t [n] in [0, 1]: -> [n, D] (White 2016).

    Keeps the typical length of Gaussian latents, which a straight line leaves in its middle. Latents that are nearly
    parallel are joined by the line.
    """
    cosine = jnp.dot(a, b) / jnp.maximum(jnp.linalg.norm(a) * jnp.linalg.norm(b), 1e-12)
    angle = jnp.arccos(jnp.clip(cosine, -1.0, 1.0))
    sine = jnp.sin(angle)
    straight = sine < 1e-3
    safe = jnp.where(straight, 1.0, sine)
    left = jnp.where(straight, 1.0 - t, jnp.sin((1.0 - t) * angle) / safe)
    right = jnp.where(straight, t, jnp.sin(t * angle) / safe)
    return left[:, None] * a + right[:, None] * b


def lerp(a: jax.Array, b: jax.Array, t: jax.Array) -> jax.Array:
    """The straight line between latents a and b [D] at t [n] in [0, 1]: -> [n, D]."""
    return a + t[:, None] * (b - a)


class _Model(NamedTuple):
    """What turns and tasks share."""

    generator: Net
    critic: Net
    objective: Objective
    penalty: Penalty
    draw: Callable[..., jax.Array]
    """(key, shape) -> latents"""
    latent: int
    classes: int
    to_data: Callable[[jax.Array], jax.Array]

    def cond(self, given) -> dict[str, Any]:
        """What both networks are told of a batch, or of a task's inputs."""
        return {"label": given["label"]} if self.classes else {}


def gan(
    generator: Net,
    critic: Net,
    *,
    image_shape: tuple[int, int, int],
    generator_tx: optax.GradientTransformation,
    critic_tx: optax.GradientTransformation,
    objective: Objective = non_saturating,
    penalty: Penalty | None = None,
    n_critic: int = 1,
    latent: int = 100,
    prior: str = "normal",
    classes: int = 0,
    averages: Averages | None = None,
    interpolation: int = 8,
    micro: int = 1,
    to_data: Callable[[jax.Array], jax.Array] = to_float,
    axis: str | None = None,
) -> Method:
    """A generative adversarial network with players "generator" and "discriminator".

    Args:
      generator: a `Generator`: (z [B, latent], cond) -> images [B, H, W, C] in [-1, 1].
      critic: a `Critic`: (images, cond) -> (list of logits, list of features).
      image_shape: (H, W, C).
      n_critic: critic moves per generator move; above 1 the step reads batches [n_critic, B, ...].
      latent: dimension of z; `prior` is "normal" or "uniform" on [-1, 1].
      classes: number of labels both networks are conditioned on; 0 for none.
      averages: weight averages of the generator, which the tasks use.
      interpolation: images in a strip of the task "interpolate".
      to_data: batch["image"] -> what the networks see; uint8 to [-1, 1] unless told otherwise.

    Metrics: discriminator/{loss, real, fake, accuracy, penalty, grad_norm} and generator/{loss, fake, grad_norm}: real
    and fake are mean logits, accuracy the share of images on the right side of logit 0. A lazy penalty reads 0 on the
    steps that leave it out.

    Raises:
      UserError: unknown prior, or a count below its minimum.
    """
    for name, value, least in (("n_critic", n_critic, 1), ("latent", latent, 1), ("interpolation", interpolation, 2)):
        if value < least:
            raise UserError(f"method.{name} is {value}; it should be at least {least}.")
    penalty, draw = penalty or Penalty(), choose(PRIORS, prior, "latent prior")
    model = _Model(generator, critic, objective, penalty, draw, latent, classes, to_data)
    if penalty.projection is not None:
        critic_tx = optax.chain(critic_tx, penalty.projection)
    lazy = (Lazy(partial(_lazy_penalty, model), penalty.every),) if penalty.term and penalty.every > 1 else ()
    turns = [
        Turn(D, partial(_critic_turn, model), critic_tx, repeats=n_critic, lazy=lazy, micro=micro),
        Turn(G, partial(_generator_turn, model), generator_tx, averages, micro=micro),
    ]
    tasks = _tasks(model, image_shape, interpolation, along=slerp if prior == "normal" else lerp)
    return alternate(partial(_init, model), turns, tasks, axis=axis)


def _init(model: _Model, rng, batch, frozen):
    g_rng, d_rng = jax.random.split(rng)
    one = {name: value[:1] for name, value in batch.items()}
    z = jnp.zeros((1, model.latent))
    return {
        G: model.generator.init(g_rng, z, model.cond(one)),
        D: model.critic.init(d_rng, model.to_data(one["image"]), model.cond(one)),
    }


def _critic_turn(model: _Model, params, state: State, batch, keys):
    """Eq. (1)."""
    real, fake, real_keys, fake_keys, penalty_keys = _scene(model, state, batch, keys)
    on_real, stats = _judge(model, params, state.stats[D], real, batch, real_keys)
    on_fake, stats = _judge(model, params, stats, fake, batch, fake_keys)
    values = critic_loss(model.objective, on_real, on_fake)
    right = [(logit > 0).astype(jnp.float32) for logit in on_real]
    right += [(logit <= 0).astype(jnp.float32) for logit in on_fake]
    metrics = {"real": per_example(on_real), "fake": per_example(on_fake), "accuracy": per_example(right)}
    if model.penalty.term is not None and model.penalty.every == 1:
        amount = _penalise(model, params, state.stats[D], batch, real, fake, penalty_keys)
        values = values + model.penalty.weight * amount
        metrics["penalty"] = amount
    return values, Aux(metrics=metrics, stats=stats)


def _lazy_penalty(model: _Model, params, state: State, batch, keys):
    """The penalty of eq. (1) apart, for the steps it is due on."""
    real, fake, _, _, penalty_keys = _scene(model, state, batch, keys)
    amount = _penalise(model, params, state.stats[D], batch, real, fake, penalty_keys)
    return model.penalty.weight * amount, Aux(metrics={"penalty": amount})


def _generator_turn(model: _Model, params, state: State, batch, keys):
    """Eq. (2)."""
    g_keys, d_keys = split_each(keys, 2)
    fake, stats = _imagine(model, params, state.stats[G], batch, g_keys)
    logits, _ = _judge(model, state.params[D], state.stats[D], fake, batch, d_keys)
    return generator_loss(model.objective, logits), Aux(metrics={"fake": per_example(logits)}, stats=stats)


def _scene(model: _Model, state: State, batch, keys):
    """What a critic's turn looks at, and its remaining keys."""
    g_keys, real_keys, fake_keys, penalty_keys = split_each(keys, 4)
    fake, _ = _imagine(model, state.params[G], state.stats[G], batch, g_keys)
    return model.to_data(batch["image"]), jax.lax.stop_gradient(fake), real_keys, fake_keys, penalty_keys


def _imagine(model: _Model, params, stats, batch, keys):
    """Generated images in training mode, and the generator's new statistics."""
    latent_keys, dropout_keys = split_each(keys, 2)
    z = each(model.draw, latent_keys, (model.latent,))
    return model.generator.apply(params, stats, z, model.cond(batch), train=True, rng=dropout_keys[0])


def _judge(model: _Model, params, stats, x, batch, keys):
    """Logits in training mode, and the critic's new statistics."""
    (logits, _), stats = model.critic.apply(params, stats, x, model.cond(batch), train=True, rng=keys[0])
    return logits, stats


def _penalise(model: _Model, params, stats, batch, real, fake, keys):
    """The unweighted penalty [B]."""
    end_keys, dropout_keys = split_each(keys, 2)

    def realness(x):
        return per_example(_judge(model, params, stats, x, batch, dropout_keys)[0])

    assert model.penalty.term is not None
    return model.penalty.term(realness, real, fake, end_keys)


def _tasks(model: _Model, image_shape, count: int, along: Callable[..., jax.Array]) -> dict[str, Task]:
    """sample: one image per key. interpolate: a strip [H, W * count, C] of images between two latents per key, from
    left to right; along the sphere for normal latents, along the line for uniform ones."""
    inputs = {"label": Spec("label", (), jnp.int32, high=model.classes)} if model.classes else {}
    height, width, channels = image_shape

    def render(weights, z, given):
        return model.generator.apply(weights.params[G], weights.stats[G], z, model.cond(given), train=False)[0]

    def sample(weights, keys, inputs):
        return {"image": render(weights, each(model.draw, keys, (model.latent,)), inputs)}

    def interpolate(weights, keys, inputs):
        t = jnp.linspace(0.0, 1.0, count)
        first, last = (each(model.draw, ends, (model.latent,)) for ends in split_each(keys, 2))
        z = jax.vmap(along, (0, 0, None))(first, last, t)
        repeated = {name: jnp.repeat(value, count) for name, value in inputs.items()}
        images = render(weights, z.reshape(-1, model.latent), repeated).reshape(-1, count, *image_shape)
        return {"image": jnp.swapaxes(images, 1, 2).reshape(-1, height, count * width, channels)}

    return {
        "sample": Task(sample, inputs, {"image": Spec("image", image_shape)}),
        "interpolate": Task(interpolate, inputs, {"image": Spec("image", (height, count * width, channels))}),
    }
