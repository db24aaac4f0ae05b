"""Feed-forward style transfer by adaptive instance normalisation (Huang, Belongie 2017), the equations of
`objectives.style`. One player, the decoder.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxgen.core import Aux, Averages, Method, Spec, Task, UserError, choose, minimize, settle
from jaxgen.methods.stylize import ENCODER, Maps, Weighting, check, encode, mean, positive, scalars, weighted
from jaxgen.nets.roles import Net
from jaxgen.objectives import style as losses
from jaxgen.ops.colour_transfer import match_colours
from jaxgen.ops.images import to_float

PLAYER = "model"
DEFAULT = Weighting(style=10.0)
COLOURS = ("style", "match")
SAMPLER: dict[str, Any] = dict(
    alpha=1.0,  # 0 reconstructs the content, 1 gives it the whole style
    styles=1,  # above 1, `stylize` mixes so many
    size=(),  # (height, width) of contents; () is the training size, and at the command line the image's own
    style_size=(),  # the same of styles
    colour="style",  # or match: give the style the content's colours first
    chunk=4,  # pictures at a time
)
"""Settings of the tasks."""


class _Adain(NamedTuple):
    encoder: Net
    decoder: Net
    layers: tuple[str, ...]
    """For the style; the last one is also what is decoded."""
    weighting: Weighting
    settings: Mapping[str, Any]

    @property
    def last(self):
        return self.layers[-1]


def adain(
    encoder: Net,
    decoder: Net,
    tx: optax.GradientTransformation,
    *,
    image: tuple[int, int, int],
    layers: tuple[str, ...] = ("relu1_1", "relu2_1", "relu3_1", "relu4_1"),
    weighting: Weighting = DEFAULT,
    sampler: Mapping[str, Any] | None = None,
    averages: Averages | None = None,
    micro: int = 1,
    axis: str | None = None,
) -> Method:
    """A decoder of features that carry the statistics of another picture, for any content and any style.

    Args:
      encoder: role Features; its weights are the frozen network "encoder".
      decoder: features of the last of `layers` [B, h, w, C] -> images [B, h f, w f, 3], f a power of 2.
      image: (H, W, 3) of `batch["image"]` and `batch["style"]`, uint8.
      sampler: settings of the tasks, see `SAMPLER`.

    Tasks:
      stylize: content, style, alpha -> image; with sampler.styles = K above 1: content, style_1 ... style_K, weights
        [K] (scaled to sum to 1), alpha. Any size: borders are repeated up to the encoder's stride and cut off again.
      losses: image, content, style -> content (eq. 7), style (eq. 6), variation (eq. 4).

    Raises:
      UserError: an unknown layer or setting, or images that are not RGB.
    """
    check(image)
    settings = settle(SAMPLER, sampler, "sampler")
    choose(dict.fromkeys(COLOURS), settings["colour"], "sampler.colour")
    if settings["styles"] < 1:
        raise UserError(f"sampler.styles should be at least 1, not {settings['styles']}.")
    model = _Adain(encoder, decoder, tuple(layers), weighting, settings)

    def init(rng, batch, frozen):
        maps = encode(encoder, frozen, to_float(batch["image"][:1]), model.layers)
        return decoder.init(rng, maps[model.last])

    def loss(params, state, batch, keys):
        def see(x):
            return _scaled_maps(model, state.frozen, state.memory, x)

        content, paint = see(to_float(batch["image"])), see(to_float(batch["style"]))
        target = losses.adain(content[model.last], paint[model.last])
        x, stats = decoder.apply(params, state.stats[PLAYER], target, train=True, rng=keys[0])
        terms = _terms(model, see(x), target, paint, x)
        return weighted(weighting, terms), Aux(terms, stats=stats)

    tasks = _tasks(model, image)
    made = minimize(
        init, loss, tx, tasks, player=PLAYER, averages=averages, micro=micro, requires=(ENCODER,), axis=axis
    )

    def first(rng, batch, frozen):
        """Scales are measured on the first batch: (scale, {layer: ()})."""
        both = jnp.concatenate([to_float(batch["image"]), to_float(batch["style"])])
        maps = encode(encoder, frozen, both, model.layers)
        scale = {layer: positive(jnp.mean(value)) for layer, value in maps.items()}
        return made.init(rng, batch, frozen).replace(memory={"scale": scale})

    return made._replace(init=first)


def _scaled_maps(model: _Adain, frozen, memory, x) -> Maps:
    maps = encode(model.encoder, frozen, x, model.layers)
    return {layer: value / memory["scale"][layer] for layer, value in maps.items()}


def _terms(model, maps, target, paint, x):
    """Eqs. (7), (6), (4), each [B]."""
    return {
        "content": losses.mean_square(maps[model.last], target),
        "style": mean([losses.statistics_loss(maps[layer], paint[layer]) for layer in model.layers]),
        "variation": losses.total_variation(x),
    }


def _tasks(model: _Adain, image):
    settings = model.settings
    content = Spec("image", (*_size(settings["size"], image, "sampler.size"), 3))
    paint = Spec("image", (*_size(settings["style_size"], image, "sampler.style_size"), 3))
    count = settings["styles"]
    names = ["style"] if count == 1 else [f"style_{number}" for number in range(1, count + 1)]
    inputs = {"content": content, **dict.fromkeys(names, paint)}
    if count > 1:
        inputs["weights"] = Spec("latent", (count,), default=1.0 / count)
    inputs["alpha"] = Spec("scalar", (), default=settings["alpha"])

    def stylize(weights, keys, inputs):
        shares = inputs["weights"] if count > 1 else jnp.ones((len(keys), 1))
        shares = shares / jnp.sum(shares, axis=-1, keepdims=True)
        paints = [inputs[name] for name in names]
        return {"image": _stylized(model, weights, inputs["content"], paints, shares, inputs["alpha"])}

    def measure(weights, keys, inputs):
        found, shown, paint = (
            _scaled_maps(model, weights.frozen, weights.memory, inputs[key]) for key in ("image", "content", "style")
        )
        target = losses.adain(shown[model.last], paint[model.last])
        return _terms(model, found, target, paint, inputs["image"])

    return {
        "stylize": Task(stylize, inputs, {"image": content}),
        "losses": Task(measure, {"image": content, "content": content, "style": paint}, scalars()),
    }


def _size(size, image, what):
    if size and (len(size) != 2 or min(size) < 1):
        raise UserError(f"{what} should be (height, width), not {size}.")
    return tuple(size) or tuple(image[:2])


def _stylized(model: _Adain, weights, content, paints, shares, alpha):
    """g((1 - alpha) f(c) + alpha sum_k w_k AdaIN(f(c), f(s_k))), sections 5 and 7 of the paper."""

    def see(x):
        return _scaled_maps(model, weights.frozen, weights.memory, x)[model.last]

    def by(values):
        return values[:, None, None, None]

    height, width = content.shape[1:3]
    if model.settings["colour"] == "match":
        paints = [match_colours(paint, content) for paint in paints]
    stride = _stride(model, weights)
    features = see(_extended(content, -height % stride, -width % stride))
    # A style that is smaller than one feature is extended to one.
    paints = [_extended(paint, max(stride - paint.shape[1], 0), max(stride - paint.shape[2], 0)) for paint in paints]
    mixed = sum(by(shares[:, k]) * losses.adain(features, see(paint)) for k, paint in enumerate(paints))
    features = by(1.0 - alpha) * features + by(alpha) * mixed
    decoded, _ = model.decoder.apply(weights.params[PLAYER], weights.stats[PLAYER], features)
    return jnp.clip(decoded[:, :height, :width], -1.0, 1.0)


def _extended(x, rows: int, columns: int):
    """More rows below and columns on the right, repeating the last ones."""
    return jnp.pad(x, ((0, 0), (0, rows), (0, columns), (0, 0)), mode="edge")


def _stride(model: _Adain, weights) -> int:
    """Pixels per feature, from shapes alone."""
    side = 256
    layers = [model.last]
    maps = jax.eval_shape(lambda: encode(model.encoder, weights.frozen, jnp.zeros((1, side, side, 3)), layers))
    return side // maps[model.last].shape[1]
