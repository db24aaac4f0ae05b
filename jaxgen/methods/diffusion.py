"""Diffusion and flow matching: one denoiser, one squared error, any process x prediction x weighting x sampler.

(1)  training: x0 from the data, t from the process, eps ~ N(0, I), x_t = alpha x0 + sigma eps;
     the loss is the weighted squared error of the network's prediction at x_t (`jaxgen.objectives.denoising`)
(2)  classifier-free training (Ho & Salimans 2021, algorithm 1): a label is dropped with probability `drop`
(3)  sampling: the prediction in hub form (`jaxgen.processes.hub`) is a field, which a sampler follows
(4)  latent diffusion (Rombach et al. 2022): in (1) and (3) images are those of a space (`jaxgen.methods.spaces`), into
     which the loss encodes and from which the tasks decode
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxgen.core import Aux, Averages, Method, Spec, Task, UserError, Weights, choose, each, minimize, split_each
from jaxgen.methods import spaces
from jaxgen.methods.spaces import Space
from jaxgen.nets.roles import Net
from jaxgen.objectives.denoising import denoising, weight
from jaxgen.ops.images import to_float
from jaxgen.processes import PREDICTIONS, Hub, Process, expand, hub, input_scale, mix, target
from jaxgen.samplers import classifier_free
from jaxgen.samplers import settings as sampling
from jaxgen.samplers.settings import Settings

PLAYER = "model"


def diffusion(
    net: Net,
    process: Process,
    tx: optax.GradientTransformation,
    *,
    image_shape: tuple[int, int, int],
    classes: int = 0,
    prediction: str = "eps",
    weighting: str = "simple",
    gamma: float = 5.0,
    drop: float = 0.1,
    sampler: Settings | None = None,
    space: Space | None = None,
    averages: Averages | None = None,
    micro: int = 1,
    axis: str | None = None,
) -> Method:
    """A denoising model. Batches hold "image" uint8 [B, H, W, C] and, with `classes`, "label" int32 [B].

    Args:
      net: a `Denoiser` of images of the space; with `classes`, its label `classes` means none.
      classes: number of labels; 0 is unconditional.
      prediction: what the network predicts, a key of `jaxgen.processes.PREDICTIONS`.
      weighting: of `jaxgen.objectives.denoising.weight`; `gamma` belongs to min_snr.
      drop: probability in (2).
      sampler: settings of the tasks; they do not touch the state.
      space: where diffusion takes place, eq. (4); pixels by default.

    Raises:
      UserError: unknown prediction, weighting or sampler setting; guidance without labels or label dropout.
    """
    settings, space = sampler or Settings(), space or spaces.pixels(image_shape)
    _check(process, settings, prediction, weighting, classes, drop, space)

    def init(rng, batch, frozen):
        x = jnp.zeros((1, *space.shape))
        cond = {"label": jnp.zeros((1,), jnp.int32)} if classes else {}
        return net.init(rng, x, {"t": jnp.zeros((1,))}, cond)

    def loss(params, state, batch, keys):
        time_keys, noise_keys, drop_keys = split_each(keys, 3)
        # Folded rather than split off, so that runs among pixels see the noise they always saw.
        encode_keys = jax.vmap(lambda key: jax.random.fold_in(key, 3))(keys)
        x0 = space.encode(state.frozen, to_float(batch["image"]), encode_keys)
        t = each(process.draw, time_keys)
        eps = each(jax.random.normal, noise_keys, x0.shape[1:])
        x = mix(process, x0, eps, t)
        cond = {"label": _dropped(batch["label"], drop_keys, drop, classes)} if classes else {}
        time = {"t": process.embed(t)}
        scaled = expand(input_scale(process, prediction, t), x) * x
        out, stats = net.apply(params, state.stats[PLAYER], scaled, time, cond, train=True, rng=keys[0])
        goal = target(process, prediction, Hub(x0, eps), t)
        values = denoising(process, prediction, weighting, out, goal, t, gamma=gamma)
        return values, Aux(stats=stats)

    tasks = _tasks(net, process, settings, prediction, image_shape, classes, space)
    return minimize(
        init, loss, tx, tasks, player=PLAYER, averages=averages, micro=micro, requires=space.requires, axis=axis
    )


def _check(process, settings, prediction, weighting, classes, drop, space):
    choose(PREDICTIONS, prediction, "method.prediction")
    weight(process, weighting, jnp.full((1,), 0.5))
    sampling.check(settings, process)
    if settings.guidance != 1.0 and not classes:
        raise UserError("sampler.guidance needs a model with labels; set method.conditional=true and train it.")
    if settings.clip == "static" and not space.bounded:
        raise UserError("sampler.clip=static cuts images to [-1, 1], which latents do not keep to; set it to none.")
    if settings.guidance != 1.0 and not drop:
        raise UserError("sampler.guidance needs a model that saw images without labels; set method.drop above 0.")


def _dropped(label, keys, drop, classes):
    """Eq. (2): labels int32 [B], each replaced by the null label with probability `drop`."""
    return jnp.where(each(jax.random.bernoulli, keys, drop), classes, label.astype(jnp.int32))


def denoiser(net: Net, process: Process, prediction: str, weights: Weights):
    """Eq. (3): the trained network as a conditional field (x, t, cond) -> Hub."""

    def field(x: jax.Array, t: jax.Array, cond: dict[str, Any]) -> Hub:
        t = jnp.broadcast_to(t, x.shape[:1])
        scaled = expand(input_scale(process, prediction, t), x) * x
        out, _ = net.apply(weights.params[PLAYER], weights.stats[PLAYER], scaled, {"t": process.embed(t)}, cond)
        return hub(process, prediction, x, out, t)

    return field


def _tasks(net, process, settings, prediction, image_shape, classes, space) -> dict[str, Task]:
    label = {"label": Spec("label", (), jnp.int32, high=classes)} if classes else {}
    image = Spec("image", image_shape)
    mask = Spec("mask", (*image_shape[:2], 1))

    def field_of(weights, inputs):
        field = denoiser(net, process, prediction, weights)
        if not classes:
            return lambda x, t: field(x, t, {})
        cond = {"label": inputs["label"]}
        null = {"label": jnp.full_like(inputs["label"], classes)}
        return classifier_free(field, cond, null, settings.guidance, settings.interval)

    def sample(weights, keys, inputs):
        x = sampling.run(settings, process, field_of(weights, inputs), keys, space.shape)
        return {"image": jnp.clip(space.decode(weights.frozen, x), -1.0, 1.0)}

    def fill(weights, keys, inputs):
        given, mask = inputs["image"], inputs["mask"]
        known = space.encode(weights.frozen, given, keys), spaces.shrink_mask(mask, space)
        x = sampling.run(settings, process, field_of(weights, inputs), keys, space.shape, known)
        x = jnp.where(mask > 0.5, given, space.decode(weights.frozen, x))
        return {"image": jnp.clip(x, -1.0, 1.0)}

    def log_prob(weights, keys, inputs):
        nats = sampling.log_prob(settings, process, field_of(weights, inputs), inputs["image"], keys)
        return {"log_prob": nats, "bits_per_dim": -nats / (math.prod(image_shape) * math.log(2.0))}

    tasks = {
        "sample": Task(sample, label, {"image": image}),
        "inpaint": Task(fill, {"image": image, "mask": mask, **label}, {"image": image}),
    }
    if not space.requires:  # a density of latents says nothing about pixels
        scalars = {"log_prob": Spec("scalar", ()), "bits_per_dim": Spec("scalar", ())}
        tasks["log_prob"] = Task(log_prob, {"image": image, **label}, scalars)
    return tasks
