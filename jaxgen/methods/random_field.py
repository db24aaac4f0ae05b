"""Markov random fields over grey images: one player "field", learned by pseudo-likelihood or by persistent chains.

The fields are those of `jaxgen.objectives.fields`, whose equations are meant below. Persistent contrastive divergence
keeps one Gibbs chain per example of the batch in `State.memory["chains"]`; they follow the batch over devices.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxgen.core import (
    Aux,
    Averages,
    Method,
    Spec,
    Task,
    Turn,
    UserError,
    choose,
    descend,
    each,
    minimize,
    replicas,
    settle,
    split_each,
    start,
)
from jaxgen.objectives.fields import Field
from jaxgen.ops.images import to_float
from jaxgen.samplers.gibbs import gibbs

PLAYER = "field"
OBJECTIVES = {"pseudo_likelihood": "eq. (6)", "persistent": "eq. (7)"}

SAMPLER: dict[str, Any] = dict(
    sweeps=200,  # of `sample`, from noise
    noise=0.1,  # of `corrupt` and `denoise`: probability of another symbol, or deviation of Gaussian noise
    denoise_sweeps=60,  # of `denoise`, from the noisy image
    burn=10,  # of which so many are not averaged
)
"""Settings of the tasks."""


def random_field(
    field: Field,
    tx: optax.GradientTransformation,
    *,
    image: tuple[int, int, int],
    objective: str = "pseudo_likelihood",
    sweeps: int = 1,
    sampler: Mapping[str, Any] | None = None,
    averages: Averages | None = None,
    micro: int = 1,
    axis: str | None = None,
) -> Method:
    """A random field over images in [-1, 1] of one channel.

    Args:
      field: from `objectives.fields`.
      image: (H, W, 1).
      objective: "pseudo_likelihood" (eq. 6) or "persistent" (eq. 7).
      sweeps: of every chain per step, with the persistent objective.
      sampler: settings of the tasks, see `SAMPLER`.

    Metrics:
      pseudo_log_prob: mean over the batch, nats per image; gap (persistent): theta . f of the data minus that of the
      chains, which falls to zero.

    Raises:
      UserError: an unknown objective or setting, or one out of range; images of several channels.
    """
    choose(OBJECTIVES, objective, "method.objective")
    settings = settle(SAMPLER, sampler, "sampler")
    if image[2] != 1:
        raise UserError(f"A random field reads images of one channel, not {image[2]}: set data.channels=1.")
    if min(sweeps, settings["sweeps"]) < 1 or not 0 <= settings["burn"] < settings["denoise_sweeps"]:
        raise UserError("Gibbs sweeps must be at least 1, and sampler.burn below sampler.denoise_sweeps.")
    if not 0 < settings["noise"] < 1:
        raise UserError(f"sampler.noise lies between 0 and 1, not {settings['noise']}.")

    def init(rng, batch, frozen):
        return field.init(field.encode(to_float(batch["image"]))), {}

    tasks = _tasks(field, image, settings)
    if objective == "persistent":
        turn = Turn(PLAYER, _contrast(field, sweeps), tx, averages, micro=micro)
        return _persistent(field, init, turn, tasks, axis)

    def loss(params, state, batch, keys):
        found = _pseudo(field, params, field.seen(field.encode(to_float(batch["image"])), keys))
        return -found, Aux({"pseudo_log_prob": found})

    return minimize(init, loss, tx, tasks, player=PLAYER, averages=averages, micro=micro, axis=axis)


def _pseudo(field, params, x):
    """Eq. (6), [B]."""
    return jnp.sum(field.site_log_prob(params, x), axis=(1, 2))


def _contrast(field, sweeps):
    """The loss whose gradient is eq. (7); it moves the chains and hands them back as outputs."""

    def loss(params, state, batch, keys):
        # The chains use the keys folded with 0 ... sweeps - 1.
        x = field.seen(field.encode(to_float(batch["image"])), each(jax.random.fold_in, keys, sweeps))
        still = jax.lax.stop_gradient(params)
        chains, _ = gibbs(lambda y, keys: field.draw(still, y, keys, None), batch["chains"], keys, sweeps)
        gap = field.score(params, x) - field.score(params, chains)
        return -gap, Aux({"gap": gap, "pseudo_log_prob": _pseudo(field, still, x)}, outputs=chains)

    return loss


def _persistent(field, init, turn, tasks, axis):
    """A step of eq. (7): like `minimize`, but with chains that enter beside the batch and come back moved."""

    def first(rng, batch, frozen):
        state_rng, chain_rng = jax.random.split(rng)
        chains = field.begin(replicas.keys(chain_rng, batch["image"].shape[0], None))
        return start(state_rng, {PLAYER: init(None, batch, frozen)}, [turn], frozen, {"chains": chains})

    def step(state, batch):
        rng = jax.random.fold_in(state.rng, state.step)
        fed = {"image": batch["image"], "chains": state.memory["chains"]}
        params, opt, metrics, aux = descend(
            lambda params, batch, keys: turn.loss(params, state, batch, keys),
            turn.tx,
            state.params[PLAYER],
            state.opt[PLAYER],
            fed,
            rng,
            axis=axis,
            micro=turn.micro,
        )
        ema = state.ema
        if turn.averages:
            ema = {PLAYER: turn.averages.update(ema[PLAYER], params, {}, state.step)}
        state = state.replace(
            params={PLAYER: params},
            opt={PLAYER: opt},
            ema=ema,
            memory={**state.memory, "chains": aux.outputs},
            step=state.step + 1,
        )
        return state, {f"{PLAYER}/{name}": value for name, value in metrics.items()}

    return Method(first, step, tasks, per_example_state=("memory/chains",))


def _tasks(field: Field, image, settings) -> dict[str, Task]:
    """sample, log_prob, denoise, corrupt."""
    picture = {"image": Spec("image", image)}
    noise = settings["noise"]

    def sample(weights, keys, inputs):
        """A Gibbs chain from noise."""
        params = weights.params[PLAYER]
        begin_keys, chain_keys = split_each(keys, 2)
        x, _ = gibbs(
            lambda x, keys: field.draw(params, x, keys, None), field.begin(begin_keys), chain_keys, settings["sweeps"]
        )
        return {"image": field.decode(x)}

    def log_prob(weights, keys, inputs):
        """Eq. (6), and the log-probability (for Gaussian features a density) where log Z is within reach; nats."""
        params, x = weights.params[PLAYER], field.encode(inputs["image"])
        found = {"pseudo_log_prob": _pseudo(field, params, x)}
        if field.log_partition:
            found["log_prob"] = field.score(params, x) - field.log_partition(params)
        return found

    def denoise(weights, keys, inputs):
        """Every pixel's likeliest symbol, or mean, under p(x | noisy image), eq. (8) and (9)."""
        params, x = weights.params[PLAYER], field.encode(inputs["image"])
        evidence = field.evidence(x, noise)
        _, expected = gibbs(
            lambda x, keys: field.draw(params, x, keys, evidence),
            x,
            keys,
            settings["denoise_sweeps"],
            collect=lambda x: field.expect(params, x, evidence),
            burn=settings["burn"],
        )
        return {"image": field.decode(field.estimate(expected))}

    def corrupt(weights, keys, inputs):
        """The noise that `denoise` expects."""
        return {"image": field.decode(field.corrupt(field.encode(inputs["image"]), keys, noise))}

    scalars = {"pseudo_log_prob": Spec("scalar", ())}
    if field.log_partition:
        scalars["log_prob"] = Spec("scalar", ())
    return {
        "sample": Task(sample, {}, picture),
        "log_prob": Task(log_prob, picture, scalars),
        "denoise": Task(denoise, picture, picture),
        "corrupt": Task(corrupt, picture, picture),
    }
