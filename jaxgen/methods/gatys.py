"""Neural style transfer by optimising pixels (Gatys, Ecker, Bethge 2016), the equations of `objectives.style`.

One player, the pixels; every picture of the batch is a problem of its own.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxgen.core import Aux, Batch, Method, Metrics, Spec, State, Task, choose, descend, each, replicas
from jaxgen.methods.stylize import DEFAULT, ENCODER, Weighting, check, encode, mean, positive, scalars, weighted
from jaxgen.nets.roles import Net
from jaxgen.objectives import style as losses
from jaxgen.ops.colour_transfer import match_colours, to_yiq, with_luminance
from jaxgen.ops.images import to_float

PLAYER = "image"
COLOURS = ("style", "match", "luminance")
STARTS = ("content", "noise")
NOISE = 0.2
"""Deviation of a start from noise, in [-1, 1]."""


class _Gatys(NamedTuple):
    encoder: Net
    content_layers: tuple[str, ...]
    style_layers: tuple[str, ...]
    weighting: Weighting
    colour: str

    @property
    def layers(self):
        return tuple(dict.fromkeys((*self.content_layers, *self.style_layers)))


def gatys(
    encoder: Net,
    tx: optax.GradientTransformation,
    *,
    image: tuple[int, int, int],
    images: int,
    content_layers: tuple[str, ...] = ("relu4_2",),
    style_layers: tuple[str, ...] = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"),
    weighting: Weighting = DEFAULT,
    start: str = "content",
    colour: str = "style",
    axis: str | None = None,
) -> Method:
    """Pixels that share the content of `batch["image"]` and the style of `batch["style"]`, uint8 [B, H, W, 3].

    The state belongs to the first batch: its targets are kept in `State.memory`, and later batches change nothing.
    Every example is a problem of its own with its own optimizer state (a line search per picture), so a picture does
    not depend on the others of its batch, and all of params, opt and memory follow the batch over devices.

    Args:
      encoder: role Features; its weights are the frozen network "encoder".
      image: (H, W, 3).
      images: the batch size, for the task.
      start: "content", or "noise" (the pixels' first values).
      colour: "style"; "match" gives the painting the photograph's colours first (mean and covariance, by Cholesky);
        "luminance" optimises luminance alone and keeps the photograph's chroma.

    Tasks:
      stylize: index (which picture of the run) -> image.
      losses: image, content, style -> content, style, variation: eqs. (2), (3), (4), of luminance alone where that is
        optimised.

    Raises:
      UserError: an unknown start, colour or layer, or images that are not RGB.
    """
    check(image)
    choose(dict.fromkeys(STARTS), start, "method.start")
    choose(dict.fromkeys(COLOURS), colour, "method.colour")
    model = _Gatys(encoder, tuple(content_layers), tuple(style_layers), weighting, colour)

    paths = (f"params/{PLAYER}", f"opt/{PLAYER}", "memory")
    return Method(
        partial(_init, model, tx, start),
        partial(_step, model, tx, axis),
        _tasks(model, image, images),
        per_example_state=paths,
        requires=(ENCODER,),
    )


def _init(model: _Gatys, tx, start: str, rng: jax.Array, batch: Batch, frozen: dict[str, Any]) -> State:
    state_rng, noise_rng = jax.random.split(rng)
    content, paint, chroma = _seen(model, to_float(batch["image"]), to_float(batch["style"]))
    targets = _targets(model, frozen, content, paint)
    if start == "noise":
        keys = replicas.keys(noise_rng, content.shape[0], None)
        content = NOISE * each(jax.random.normal, keys, content.shape[1:])
    params = {"pixels": content}
    return State(
        step=jnp.zeros((), jnp.int32),
        rng=state_rng,
        params={PLAYER: params},
        opt={PLAYER: jax.vmap(tx.init)(params)},
        ema={},
        stats={PLAYER: {}},
        frozen=frozen,
        memory={**targets, "chroma": chroma} if model.colour == "luminance" else targets,
    )


def _step(model: _Gatys, tx, axis: str | None, state: State, batch: Batch) -> tuple[State, Metrics]:
    """Every picture one step down its own loss."""

    def one(params, opt, targets):
        """A batch of one picture; it draws no noise, so its key says nothing."""
        targets = jax.tree.map(lambda x: x[None], targets)
        params, opt, metrics, _ = descend(
            lambda params, targets, keys: _loss(model, state.frozen, params["pixels"][None], targets),
            tx,
            params,
            opt,
            targets,
            jax.random.key(0),
        )
        return params, opt, metrics

    targets = {name: state.memory[name] for name in ("scale", "content", "gram")}
    params, opt, metrics = jax.vmap(one)(state.params[PLAYER], state.opt[PLAYER], targets)
    metrics = replicas.mean(jax.tree.map(jnp.mean, metrics), axis)
    state = state.replace(step=state.step + 1, params={PLAYER: params}, opt={PLAYER: opt})
    return state, {f"{PLAYER}/{name}": value for name, value in metrics.items()}


def _seen(model, content, paint):
    """(content, style, the photograph itself) as the losses see them: with matched colours, or in grey.

    Luminance is matched in mean and deviation, as Gatys et al. (2016, "Preserving Color", section 4) advise.
    """
    if model.colour == "luminance":
        grey = to_yiq(content)[..., :1]
        return grey, match_colours(to_yiq(paint)[..., :1], grey), content
    return content, match_colours(paint, content) if model.colour == "match" else paint, content


def _targets(model: _Gatys, frozen, content, paint):
    """What a picture is compared with: scale {layer: [B]}, content {layer: map}, gram {layer: [B, C, C]}."""
    of_content = encode(model.encoder, frozen, content, model.layers)
    of_paint = encode(model.encoder, frozen, paint, model.layers)
    scale = {
        layer: positive(jnp.mean(of_content[layer], axis=(1, 2, 3)) + jnp.mean(of_paint[layer], axis=(1, 2, 3))) / 2
        for layer in model.layers
    }
    return {
        "scale": scale,
        "content": {layer: _over(of_content[layer], scale[layer]) for layer in model.content_layers},
        "gram": {layer: losses.gram(_over(of_paint[layer], scale[layer])) for layer in model.style_layers},
    }


def _over(features, scale):
    """Maps [B, H, W, C] divided by one number per example [B]."""
    return features / scale[:, None, None, None]


def _terms(model: _Gatys, frozen, x, targets):
    """Eqs. (2), (3), (4) of images x [B, H, W, 3 or 1], each [B]."""
    maps = {
        layer: _over(value, targets["scale"][layer])
        for layer, value in encode(model.encoder, frozen, x, model.layers).items()
    }
    return {
        "content": mean([losses.content_loss(maps[key], value) for key, value in targets["content"].items()]),
        "style": mean([losses.gram_loss(losses.gram(maps[key]), value) for key, value in targets["gram"].items()]),
        "variation": losses.total_variation(x),
    }


def _loss(model, frozen, x, targets):
    terms = _terms(model, frozen, x, targets)
    return weighted(model.weighting, terms), Aux(terms)


def _tasks(model: _Gatys, image, images):
    picture = Spec("image", image)

    def stylize(weights, keys, inputs):
        def take(x):
            return x[inputs["index"]]

        x = take(weights.params[PLAYER]["pixels"])
        if model.colour == "luminance":
            x = with_luminance(x, take(weights.memory["chroma"]))
        return {"image": jnp.clip(x, -1.0, 1.0)}

    def measure(weights, keys, inputs):
        content, paint, _ = _seen(model, inputs["content"], inputs["style"])
        x = to_yiq(inputs["image"])[..., :1] if model.colour == "luminance" else inputs["image"]
        return _terms(model, weights.frozen, x, _targets(model, weights.frozen, content, paint))

    return {
        "stylize": Task(stylize, {"index": Spec("index", (), jnp.int32, images)}, {"image": picture}),
        "losses": Task(measure, dict.fromkeys(("image", "content", "style"), picture), scalars()),
    }
