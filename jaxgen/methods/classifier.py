"""A classifier as a method: one player, cross-entropy. Its task `classify` lets it judge other models' samples."""

import jax
import jax.numpy as jnp
import optax

from jaxgen.core import Aux, Averages, Method, Spec, Task, minimize
from jaxgen.nets.roles import Net
from jaxgen.objectives import classification
from jaxgen.ops import images


def classifier(
    net: Net,
    tx: optax.GradientTransformation,
    *,
    image_shape: tuple[int, int, int],
    classes: int,
    smoothing: float = 0.0,
    averages: Averages | None = None,
    micro: int = 1,
    axis: str | None = None,
) -> Method:
    """Learn `batch["label"]` (int32 [B]) from `batch["image"]` (uint8 [B, H, W, C]).

    Args:
      net: images in [-1, 1] -> (logits [B, classes], features [B, D]).
      smoothing: label smoothing in [0, 1).
      micro: micro-batches per step.

    Tasks:
      classify: image -> logits, probabilities (float32 [B, classes]), features (float32 [B, D]), label (int32 [B]).
    """

    def init(rng, batch, frozen):
        return net.init(rng, images.to_float(batch["image"][:1]))

    def loss(params, state, batch, keys):
        x = images.to_float(batch["image"])
        (logits, _), stats = net.apply(params, state.stats["model"], x, train=True, rng=keys[0])
        values = classification.cross_entropy(logits, batch["label"], smoothing)
        return values, Aux(metrics={"accuracy": classification.correct(logits, batch["label"])}, stats=stats)

    def classify(weights, keys, inputs):
        (logits, features), _ = net.apply(weights.params["model"], weights.stats["model"], inputs["image"])
        return {
            "logits": logits,
            "probabilities": jax.nn.softmax(logits),
            "features": features,
            "label": jnp.argmax(logits, axis=-1).astype(jnp.int32),
        }

    def width():
        x = jnp.zeros((1, *image_shape))
        params, stats = net.init(jax.random.key(0), x)
        return net.apply(params, stats, x)[0][1]

    task = Task(
        classify,
        {"image": Spec("image", image_shape)},
        {
            "logits": Spec("latent", (classes,)),
            "probabilities": Spec("latent", (classes,)),
            "features": Spec("latent", jax.eval_shape(width).shape[1:]),
            "label": Spec("label", (), jnp.int32, high=classes),
        },
    )
    return minimize(init, loss, tx, {"classify": task}, averages=averages, micro=micro, axis=axis)
