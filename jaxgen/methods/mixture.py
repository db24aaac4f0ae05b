"""Gaussian mixtures, learned by EM: one player "mixture", no optimizer; a step is an E-step and an M-step.

With `decay` = 0 a step forgets the statistics of earlier batches: full-batch EM if the batch is the whole training set.
With a decay in (1/2, 1] it is stepwise EM, whose running statistics live in `State.memory`. The maths is in
`jaxgen.objectives.mixtures`.

An image is one vector (`patch` = 0), or a set of independent tiles of patch x patch pixels that share one mixture.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxgen.core import Method, Spec, State, Task, UserError, choose, each, replicas, settle, split_each, start
from jaxgen.objectives import mixtures
from jaxgen.objectives.mixtures import Statistics
from jaxgen.ops import clusters
from jaxgen.ops.images import to_float

PLAYER = "mixture"

SAMPLER: dict[str, Any] = dict(
    temperature=1.0,  # factor of every component's standard deviations in `sample`
)
"""Settings of the tasks."""


class _Model(NamedTuple):
    """What step and tasks share."""

    kind: str
    components: int
    image: tuple[int, int, int]
    patch: tuple[int, int]
    """Height and width of a tile; those of the image if it is not cut."""
    floor: float


def mixture(
    *,
    components: int,
    image: tuple[int, int, int],
    covariance: str = "full",
    patch: int = 0,
    floor: float = 1e-3,
    decay: float = 0.0,
    delay: float = 2.0,
    rounds: int = 10,
    examples: int = 0,
    sampler: Mapping[str, Any] | None = None,
    given: Mapping[str, Any] | None = None,
    axis: str | None = None,
) -> Method:
    """A Gaussian mixture over images in [-1, 1].

    Args:
      components: K.
      image: (H, W, C).
      covariance: full, tied, diag or spherical.
      patch: side of the tiles an image is cut into; 0 leaves it whole.
      floor: added to every variance (mixtures eq. 5), in units of [-1, 1] squared.
      decay, delay: of stepwise EM (eq. 6), with t = 1, 2, ...; decay 0 is full-batch EM.
      rounds: of Lloyd's algorithm between the k-means++ seeds and the first M-step.
      examples: training images, for the metrics bic and aic; 0 leaves them out.
      sampler: settings of the tasks, see `SAMPLER`.
      given: parameters to start from instead of k-means++, see `mixtures.Params`.

    Metrics:
      log_likelihood: mean nats per tile of the batch under the parameters the step began with; empty: components with
      no examples; singular: covariances that the floor could not save and that became diagonal; lowest: the lowest
      variance in units of the floor (`mixtures.lowest`), 1 where a covariance is singular but for the floor; weakest:
      the component that has it; smallest: the smallest weight; bic, aic: extrapolated from the batch to `examples`.

    Raises:
      UserError: settings out of range, tiles that do not fit the image, or a `given` mixture that is none.
    """
    choose(mixtures.COVARIANCES, covariance, "method.covariance")
    settings = settle(SAMPLER, sampler, "sampler")
    if components < 1 or rounds < 0:
        raise UserError("method.components must be at least 1, and method.rounds must not be negative.")
    if not floor > 0:
        raise UserError(f"method.floor must be above 0, not {floor}: without it a component can shrink to a point.")
    if (decay and not 0.5 < decay <= 1.0) or delay < 0:
        raise UserError(f"Stepwise EM needs method.decay in (0.5, 1] and method.delay >= 0, not {decay} and {delay}.")
    if patch and (image[0] % patch or image[1] % patch):
        raise UserError(f"method.patch {patch} does not divide images of {image[0]}x{image[1]}; use a divisor, or 0.")
    tile = (patch, patch) if patch else image[:2]
    model = _Model(covariance, components, image, tile, floor)
    if given is not None:
        mixtures.check(covariance, given, floor)
        if jnp.shape(given["means"]) != (components, _dims(model)):
            raise UserError(
                f"The given mixture has means {jnp.shape(given['means'])}; this one {(components, _dims(model))}."
            )
    step = _step(model, decay, delay, examples, axis)
    return Method(_init(model, rounds, given), step, _tasks(model, settings))


def _dims(model: _Model) -> int:
    return model.patch[0] * model.patch[1] * model.image[2]


def _tiles(model: _Model) -> int:
    return (model.image[0] // model.patch[0]) * (model.image[1] // model.patch[1])


def cut(x: jax.Array, patch: tuple[int, int]) -> jax.Array:
    """[B, H, W, C] -> tiles [B, T, h w C], row by row."""
    size, height, width, channels = x.shape
    h, w = patch
    x = x.reshape(size, height // h, h, width // w, w, channels)
    return jnp.moveaxis(x, 3, 2).reshape(size, -1, h * w * channels)


def paste(x: jax.Array, image: tuple[int, int, int], patch: tuple[int, int]) -> jax.Array:
    """The inverse of `cut`: [B, T, h w C] -> [B, H, W, C]."""
    (height, width, channels), (h, w) = image, patch
    x = x.reshape(x.shape[0], height // h, width // w, h, w, channels)
    return jnp.moveaxis(x, 3, 2).reshape(x.shape[0], *image)


def _vectors(model, batch):
    return cut(to_float(batch["image"]), model.patch).reshape(-1, _dims(model))


def _init(model, rounds, given):
    def first_params(x, rng):
        centres = clusters.lloyd(x, clusters.plus_plus(x, model.components, rng), rounds)
        shares = jax.nn.one_hot(clusters.nearest(x, centres), model.components)
        found = mixtures.statistics(model.kind, x, shares)
        spread = jnp.mean(jnp.var(x, axis=0)) + model.floor
        before = {"covariances": _isotropic(model, spread)}
        # A seed that shares its place with another one gets no points, and waits there.
        found = found._replace(means=jnp.where(found.weights[:, None] > 0, found.means, centres))
        return mixtures.maximise(model.kind, found, before, model.floor)[0], found

    def init(rng, batch, frozen):
        state_rng, seed_rng = jax.random.split(rng)
        if given is None:
            params, found = first_params(_vectors(model, batch), seed_rng)
        else:
            params = {name: jnp.asarray(value, jnp.float32) for name, value in given.items()}
            zeros = jnp.zeros((1, _dims(model))), jnp.zeros((1, model.components))
            empty = mixtures.statistics(model.kind, *zeros)
            found = Statistics(params["weights"], params["means"], _scatter(model.kind, params, empty))
        return start(state_rng, {PLAYER: (params, {})}, [], frozen, {"statistics": found._asdict()})

    return init


def _isotropic(model, variance):
    dims, count = _dims(model), model.components
    eye = variance * jnp.eye(dims)
    full = {"full": jnp.broadcast_to(eye, (count, dims, dims)), "tied": eye}
    rest = {"diag": jnp.broadcast_to(variance, (count, dims)), "spherical": jnp.broadcast_to(variance, (count,))}
    return (full | rest)[model.kind]


def _scatter(kind, params, like):
    """The statistics that eq. (5) without a floor would turn into these covariances."""
    if kind == "tied":
        return params["covariances"]
    return params["covariances"] * params["weights"].reshape(-1, *[1] * (like.scatter.ndim - 1))


def _step(model, decay, delay, examples, axis):
    def step(state: State, batch):
        params = state.params[PLAYER]
        x = _vectors(model, batch)
        joint = mixtures.joint(model.kind, params, x)
        total = replicas.mean(jnp.mean(jax.nn.logsumexp(joint, axis=1)), axis)
        found = mixtures.statistics(model.kind, x, jax.nn.softmax(joint, axis=1), axis)
        t = (state.step + 1).astype(jnp.float32)
        gamma = (t + delay) ** -decay if decay else 1.0
        kept = mixtures.blend(model.kind, Statistics(**state.memory["statistics"]), found, gamma)
        params, singular = mixtures.maximise(model.kind, kept, params, model.floor)
        lowest = mixtures.lowest(model.kind, params) / model.floor
        lowest = lowest if model.kind == "tied" else jnp.where(kept.weights > mixtures.TINY, lowest, jnp.inf)
        metrics = {
            "log_likelihood": total,
            "lowest": jnp.min(lowest),
            "weakest": jnp.argmin(lowest).astype(jnp.float32),
            "smallest": jnp.min(params["weights"]),
            "empty": jnp.sum(kept.weights <= mixtures.TINY).astype(jnp.float32),
            "singular": jnp.sum(singular).astype(jnp.float32),
        }
        if examples:
            free = mixtures.parameters(model.kind, model.components, _dims(model))
            count = examples * _tiles(model)
            metrics |= {"bic": mixtures.bic(count * total, free, count), "aic": mixtures.aic(count * total, free)}
        state = state.replace(
            params={PLAYER: params}, memory={**state.memory, "statistics": kept._asdict()}, step=state.step + 1
        )
        return state, {f"{PLAYER}/{name}": value for name, value in metrics.items()}

    return step


def _tasks(model: _Model, settings) -> dict[str, Task]:
    """sample, log_prob, responsibilities."""
    count, tiles = model.components, _tiles(model)
    picture = {"image": Spec("image", model.image)}
    found = {
        "responsibilities": Spec("latent", (tiles, count)),
        "component": Spec("label", (tiles,), jnp.int32, high=count),
    }

    def by_tile(function, weights, image):
        x = cut(image, model.patch)
        values = function(model.kind, weights.params[PLAYER], x.reshape(-1, _dims(model)))
        return values.reshape(*x.shape[:2], *values.shape[1:])

    def log_prob(weights, keys, inputs):
        """log p of an image: the sum over its tiles, in nats, a density over [-1, 1]^D."""
        return {"log_prob": jnp.sum(by_tile(mixtures.log_prob, weights, inputs["image"]), axis=1)}

    def responsibilities(weights, keys, inputs):
        shares = by_tile(mixtures.responsibilities, weights, inputs["image"])
        return {"responsibilities": shares, "component": jnp.argmax(shares, axis=-1).astype(jnp.int32)}

    return {
        "sample": Task(_sample(model, settings["temperature"]), {}, picture),
        "log_prob": Task(log_prob, picture, {"log_prob": Spec("scalar", ())}),
        "responsibilities": Task(responsibilities, picture, found),
    }


def _sample(model, temperature):
    """A component by its weight, then a draw of it; values outside [-1, 1] are clipped."""

    def fn(weights, keys, inputs):
        params, shape = weights.params[PLAYER], (_tiles(model), _dims(model))
        which_keys, noise_keys = split_each(keys, 2)
        logits = jnp.log(jnp.maximum(params["weights"], 1e-30))
        which = each(lambda key: jax.random.categorical(key, logits, shape=shape[:1]), which_keys)  # [B, T]
        noise = temperature * each(jax.random.normal, noise_keys, shape)
        covariances = params["covariances"]
        if model.kind in ("full", "tied"):
            root = jnp.linalg.cholesky(covariances)
            root = root[which] if model.kind == "full" else root
            noise = jnp.einsum("btij,btj->bti" if model.kind == "full" else "ij,btj->bti", root, noise)
        else:
            deviation = jnp.sqrt(covariances)[which]
            noise = noise * (deviation[..., None] if model.kind == "spherical" else deviation)
        x = jnp.clip(params["means"][which] + noise, -1.0, 1.0)
        return {"image": paste(x, model.image, model.patch)}

    return fn
