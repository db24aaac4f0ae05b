"""Diffusion and flow matching: one denoiser, one squared error, any process x prediction x weighting x sampler.

(1)  training: x0 from the data, t from the process, eps ~ N(0, I), x_t = alpha x0 + sigma eps;
     the loss is the weighted squared error of the network's prediction at x_t (`jaxgen.objectives.denoising`)
(2)  classifier-free training (Ho & Salimans 2021, algorithm 1): a label is dropped with probability `drop`
(3)  sampling: the prediction in hub form (`jaxgen.processes.hub`) is a field, which a sampler follows
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxgen.core import Aux, Averages, Method, Spec, Task, UserError, Weights, choose, each, minimize, split_each
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
    averages: Averages | None = None,
    micro: int = 1,
    axis: str | None = None,
) -> Method:
    """A denoising model. Batches hold "image" uint8 [B, H, W, C] and, with `classes`, "label" int32 [B].

    Args:
      net: a `Denoiser`; with `classes`, its label `classes` means none.
      classes: number of labels; 0 is unconditional.
      prediction: what the network predicts, a key of `jaxgen.processes.PREDICTIONS`.
      weighting: of `jaxgen.objectives.denoising.weight`; `gamma` belongs to min_snr.
      drop: probability in (2).
      sampler: settings of the tasks; they do not touch the state.

    Raises:
      UserError: unknown prediction, weighting or sampler setting; guidance without labels or label dropout.
    """
    settings = sampler or Settings()
    _check(process, settings, prediction, weighting, classes, drop)

    def init(rng, batch, frozen):
        x = to_float(batch["image"][:1])
        cond = {"label": jnp.zeros((1,), jnp.int32)} if classes else {}
        return net.init(rng, x, {"t": jnp.zeros((1,))}, cond)

    def loss(params, state, batch, keys):
        time_keys, noise_keys, drop_keys = split_each(keys, 3)
        x0 = to_float(batch["image"])
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

    tasks = _tasks(net, process, settings, prediction, image_shape, classes)
    return minimize(init, loss, tx, tasks, player=PLAYER, averages=averages, micro=micro, axis=axis)


def _check(process, settings, prediction, weighting, classes, drop):
    choose(PREDICTIONS, prediction, "method.prediction")
    weight(process, weighting, jnp.full((1,), 0.5))
    sampling.check(settings, process)
    if settings.guidance != 1.0 and not classes:
        raise UserError("sampler.guidance needs a model with labels; set method.conditional=true and train it.")
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


def _tasks(net, process, settings, prediction, image_shape, classes) -> dict[str, Task]:
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
        x = sampling.run(settings, process, field_of(weights, inputs), keys, image_shape)
        return {"image": jnp.clip(x, -1.0, 1.0)}

    def fill(weights, keys, inputs):
        known = inputs["image"], inputs["mask"]
        x = sampling.run(settings, process, field_of(weights, inputs), keys, image_shape, known)
        return {"image": jnp.clip(x, -1.0, 1.0)}

    return {
        "sample": Task(sample, label, {"image": image}),
        "inpaint": Task(fill, {"image": image, "mask": mask, **label}, {"image": image}),
    }
