"""Super-resolution: one player "model", an enlarger trained on pairs that are made from whole images alone.

With a large image y in [-1, 1], the scale s, bicubic resizing D_s of `jaxgen.ops.bicubic` and a distance of
`jaxgen.objectives.restoration`:
    (1)  low(y) = round_8(clip(D_{1/s}(y)))      rounded to the 256 levels of a file, as the papers' small images are
    (2)  loss   = distance(net(low(y)), y)
    (3)  self-ensemble: mean over the eight symmetries T of the square of T^-1 net(T low)
         (Lim et al. 2017, "Enhanced Deep Residual Networks for Single Image Super-Resolution", section 3.4)

A network that sees `reach` pixels to each side can be given tiles that overlap by as much: every pixel of the result is
that of the whole image.
"""

from collections.abc import Mapping
from fractions import Fraction
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxgen.core import Aux, Averages, Method, Spec, Task, Tiles, UserError, choose, minimize, settle
from jaxgen.nets.roles import Net
from jaxgen.objectives import restoration
from jaxgen.ops import bicubic
from jaxgen.ops.images import to_float, to_uint8

PLAYER = "model"
SAMPLER: dict[str, Any] = dict(
    tile=0,  # side of a tile in pixels of the small image; 0: as large as is sensible for the network
    ensemble=False,  # the mean of eight passes, eq. (3)
    chunk=1,  # tiles in one call
)
"""Settings of `upscale`."""


def degrade(x: jax.Array, scale: int, *, quantize: bool = True) -> jax.Array:
    """Eq. (1): float [B, H, W, C] in [-1, 1] -> float32 [B, ceil(H / scale), ceil(W / scale), C] in [-1, 1].

    Args:
      quantize: False leaves out the rounding, as tests of other resizers need it.
    """
    low = jnp.clip(bicubic.rescale(x, Fraction(1, scale)), -1.0, 1.0)
    return to_float(to_uint8(low)) if quantize else low


def interpolate(low: jax.Array, scale: int) -> jax.Array:
    """What networks are compared with: bicubic enlargement, clipped to [-1, 1]."""
    return jnp.clip(bicubic.rescale(low, scale), -1.0, 1.0)


def restore(
    upscaler: Net,
    tx: optax.GradientTransformation,
    *,
    image: tuple[int, int, int],
    scale: int,
    reach: int,
    loss: str = "l1",
    epsilon: float = 1e-3,
    quantize: bool = True,
    sampler: Mapping[str, Any] | None = None,
    averages: Averages | None = None,
    micro: int = 1,
    axis: str | None = None,
) -> Method:
    """A super-resolution model.

    Args:
      upscaler: a net with the role `Upscaler`.
      image: (H, W, C) of the large images it is trained on.
      reach: what the module's `reach()` says.
      loss: "l1", "l2" or "charbonnier", with `epsilon` in the latter.
      quantize: round small images to 8 bits in training.
      sampler: settings of the tasks, see `SAMPLER`.

    Raises:
      UserError: images that the scale does not divide, unknown losses or settings, tiles too small for the network.
    """
    if scale < 2:
        raise UserError(f"method.scale is {scale}; it must be a whole number of at least 2.")
    if image[0] % scale or image[1] % scale:
        raise UserError(
            f"The training images are {image[0]}x{image[1]}, which method.scale={scale} does not divide; set data.size"
            f" to a multiple of {scale}, e.g. to {max(image[0] // scale, 1) * scale}."
        )
    distance = choose(restoration.LOSSES, loss, "method.loss")
    if loss == "charbonnier":
        distance = partial(restoration.charbonnier, epsilon=epsilon)
    settings = settle(SAMPLER, sampler, "sampler")

    def init(rng, batch, frozen):
        return upscaler.init(rng, degrade(to_float(batch["image"]), scale))

    def objective(params, state, batch, keys):
        truth = to_float(batch["image"])
        low = degrade(truth, scale, quantize=quantize)
        x, stats = upscaler.apply(params, state.stats[PLAYER], low, train=True, rng=keys[0])
        shown = restoration.psnr(jax.lax.stop_gradient(jnp.clip(x, -1.0, 1.0)), truth)
        return distance(x, truth), Aux({"psnr": shown}, stats=stats)

    tasks = _tasks(upscaler, image, scale, reach, settings)
    return minimize(init, objective, tx, tasks, player=PLAYER, averages=averages, micro=micro, axis=axis)


def _tasks(upscaler: Net, image, scale: int, reach: int, settings: Mapping[str, Any]) -> dict[str, Task]:
    """upscale: small images of any size, in tiles. compare: large images made small, enlarged bicubically and by the
    network, side by side."""

    def enlarged(weights, low):
        def net(x):
            return upscaler.apply(weights.params[PLAYER], weights.stats[PLAYER], x)[0]

        return jnp.clip(ensemble(net, low) if settings["ensemble"] else net(low), -1.0, 1.0)

    def upscale(weights, keys, inputs):
        return {"image": enlarged(weights, inputs["image"])}

    def compare(weights, keys, inputs):
        low = degrade(inputs["image"], scale)
        return {"image": jnp.concatenate([interpolate(low, scale), enlarged(weights, low)], axis=2)}

    side = _tile(settings, reach)
    height, width, channels = image
    shapes = (side,) * 2, (side * scale,) * 2, image[:2], (height, 2 * width)
    small, large, one, two = (Spec("image", (*shape, channels)) for shape in shapes)
    return {
        "compare": Task(compare, {"image": one}, {"image": two}),
        "upscale": Task(upscale, {"image": small}, {"image": large}, tiles=Tiles(reach, scale)),
    }


def ensemble(net, x: jax.Array) -> jax.Array:
    """Eq. (3): net maps [B, h, w, C] to [B, s h, s w, C]; x may be oblong."""

    def flips(x):
        x = jnp.stack([x, x[:, ::-1], x[:, :, ::-1], x[:, ::-1, ::-1]])
        y = jax.lax.map(net, x)
        return (y[0] + y[1][:, ::-1] + y[2][:, :, ::-1] + y[3][:, ::-1, ::-1]) / 4.0

    return (flips(x) + flips(x.swapaxes(1, 2)).swapaxes(1, 2)) / 2.0


def _tile(settings: Mapping[str, Any], reach: int) -> int:
    """The side of a tile. Where it is chosen here: sixteen times the overlap, 128 to 512."""
    tile = settings["tile"]
    if settings["chunk"] < 1:
        raise UserError(f"sampler.chunk must be at least 1, not {settings['chunk']}.")
    if tile and tile <= 2 * reach:
        raise UserError(
            f"sampler.tile is {tile}, but this network sees {reach} pixels to each side: tiles must be larger than"
            f" {2 * reach}, or 0 for a size that suits it."
        )
    return tile or min(max(16 * reach, 128), 512)
