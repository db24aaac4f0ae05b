"""Video prediction: one player "model" learns the frames that follow those it is shown.

With the frames' values x in [-1, 1] and the network's output y, averaged over pixels and over the frames it forecast
(in training, frames of the context may be among them):
    mse      (1)  (y - x)^2
    l1_mse   (2)  |y - x| + (y - x)^2
    bce      (3)  -v log s(y) - (1 - v) log(1 - s(y)),   v = (x + 1) / 2, s the sigmoid (Shi et al. 2015, section 4.1)
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxgen.core import Aux, Averages, Method, Spec, Task, UserError, choose, minimize
from jaxgen.nets.roles import Net
from jaxgen.ops.images import to_float

PLAYER = "model"


class Loss(NamedTuple):
    """What a predictor is trained on."""

    values: Callable[[jax.Array, jax.Array], jax.Array]
    """(output y, frames x), each [B, K, H, W, C] -> losses of that shape."""
    frames: Callable[[jax.Array], jax.Array]
    """y -> frames in [-1, 1]."""
    logits: bool = False


def _clip(y: jax.Array) -> jax.Array:
    return jnp.clip(y, -1.0, 1.0)


LOSSES = {
    "mse": Loss(lambda y, x: jnp.square(y - x), _clip),
    "l1_mse": Loss(lambda y, x: jnp.abs(y - x) + jnp.square(y - x), _clip),
    "bce": Loss(lambda y, x: jax.nn.softplus(y) - 0.5 * (x + 1.0) * y, lambda y: jnp.tanh(0.5 * y), logits=True),
}
"""Eq. (1)-(3); 2 s(y) - 1 = tanh(y / 2)."""


def predictor(
    net: Net,
    tx: optax.GradientTransformation,
    *,
    image_shape: tuple[int, int, int],
    context: int,
    future: int,
    loss: str = "mse",
    averages: Averages | None = None,
    micro: int = 1,
    axis: str | None = None,
) -> Method:
    """A predictor of `future` frames from `context` frames; batches hold "video" uint8 [B, context + future, H, W, C].

    Args:
      net: a `Predictor`; with the loss "bce" its output is logits.
      loss: one of `LOSSES`.

    Tasks: predict (the frames seen -> the forecast) and compare (a whole clip -> the same above its frames seen and
    their forecast).

    Metrics: model/{loss, mse, persistence, grad_norm}: mse and persistence are mean squared errors of values in [0, 1],
    of the forecast and of repeating the last frame seen.

    Raises:
      UserError: unknown loss, or no frames to see or to forecast.
    """
    chosen = choose(LOSSES, loss, "method.loss")
    for name, value in (("context", context), ("future", future)):
        if value < 1:
            raise UserError(f"method.{name} is {value}; it should be at least 1.")

    def init(rng, batch, frozen):
        return net.init(rng, to_float(batch["video"][:1, :context]), {})

    def objective(params, state, batch, keys):
        video = to_float(batch["video"])
        seen, truth = video[:, :context], video[:, context:]
        y, stats = net.apply(params, state.stats[PLAYER], seen, {}, train=True, rng=keys[0])
        values = _mean(chosen.values(y, video[:, -y.shape[1] :]))
        error = 0.25 * _mean(jnp.square(chosen.frames(y[:, -future:]) - truth))
        idle = 0.25 * _mean(jnp.square(seen[:, -1:] - truth))
        return values, Aux({"mse": error, "persistence": idle}, stats=stats)

    def forecast(weights, seen):
        return chosen.frames(net.apply(weights.params[PLAYER], weights.stats[PLAYER], seen, {})[0])

    def predict(weights, keys, inputs):
        return {"video": forecast(weights, inputs["video"])}

    def compare(weights, keys, inputs):
        video = inputs["video"]
        seen = video[:, :context]
        return {"video": jnp.concatenate([video, jnp.concatenate([seen, forecast(weights, seen)], axis=1)], axis=2)}

    height, width, channels = image_shape

    def clip(frames, high=height):
        return {"video": Spec("video", (frames, high, width, channels))}

    tasks = {
        "compare": Task(compare, clip(context + future), clip(context + future, 2 * height)),
        "predict": Task(predict, clip(context), clip(future)),
    }
    return minimize(init, objective, tx, tasks, player=PLAYER, averages=averages, micro=micro, axis=axis)


def _mean(x: jax.Array) -> jax.Array:
    return jnp.mean(x.reshape(x.shape[0], -1), axis=1)
