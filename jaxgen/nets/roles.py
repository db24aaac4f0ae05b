"""The roles a network can play in a method, and the one functional form in which methods call it.

A network file defines a linen module whose `__call__` follows one of the protocols below and takes a keyword
`train: bool`. `functional` turns it into a `Net`, a pair of pure functions, which is all that a method ever sees.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import flax.linen as nn
import jax

Cond = dict[str, Any]
"""What a network is conditioned on: "label" int32 [B], "text", "low", "mask", "camera", ...; empty when nothing."""


class Net(NamedTuple):
    """A network as pure functions."""

    init: Callable[..., tuple[Any, Any]]
    """(rng, *args, method=None) -> (params, stats); args are what the module's `__call__` takes."""
    apply: Callable[..., tuple[Any, Any]]
    """(params, stats, *args, train=False, rng=None, method=None) -> (output, new stats). `rng` feeds dropout;
    `method` names another method of the module, e.g. "inverse". New stats equal the old ones unless `train`."""


def functional(module: nn.Module) -> Net:
    """The pure form of a linen module. Every collection but "params" is `stats`."""

    def init(rng, *args, method=None):
        weights_rng, dropout_rng = jax.random.split(rng)
        variables = dict(
            module.init({"params": weights_rng, "dropout": dropout_rng}, *args, train=False, method=method)
        )
        return variables.pop("params", {}), variables

    def apply(params, stats, *args, train=False, rng=None, method=None):
        rngs = {} if rng is None else {"dropout": rng}
        variables = {"params": params, **stats}
        if not (train and stats):
            return module.apply(variables, *args, train=train, rngs=rngs, method=method), stats
        return module.apply(variables, *args, train=train, rngs=rngs, method=method, mutable=list(stats))

    return Net(init, apply)


class Generator(Protocol):
    """Latents to images."""

    def __call__(self, z: jax.Array, cond: Cond, *, train: bool) -> jax.Array:
        """z float [B, D], cond {"label"?} -> images float32 [B, H, W, C] in [-1, 1]."""
        ...


class Critic(Protocol):
    """Images to realness. Several logits for several scales or patches; features for matching losses."""

    def __call__(self, x: jax.Array, cond: Cond, *, train: bool) -> tuple[list[jax.Array], list[jax.Array]]:
        """x float [B, H, W, C] in [-1, 1] -> (logits, each float32 [B, ...]; features, each [B, ...])."""
        ...


class Translator(Protocol):
    """Images of one kind to images of another."""

    def __call__(self, x: jax.Array, cond: Cond, *, train: bool) -> jax.Array:
        """x float [B, H, W, C] in [-1, 1], cond {"noise"? keys [B] for dropout} -> images float32 [B, H, W, C] in
        [-1, 1]. The same noise gives the same images, in training and after it."""
        ...


class Denoiser(Protocol):
    """The network inside a diffusion or flow-matching model."""

    def __call__(self, x: jax.Array, time: dict[str, jax.Array], cond: Cond, *, train: bool) -> jax.Array:
        """x [B, H, W, C]; time {"t": [B] the network's time embedding input, ...} -> prediction [B, H, W, C]."""
        ...


class Encoder(Protocol):
    """Images to the parameters of a latent distribution."""

    def __call__(self, x: jax.Array, cond: Cond, *, train: bool) -> tuple[jax.Array, jax.Array]:
        """x float [B, H, W, C] in [-1, 1] -> (mean, log variance), each float32 [B, ...latent]."""
        ...


class Decoder(Protocol):
    """Latents to the parameters of an image distribution."""

    def __call__(self, z: jax.Array, cond: Cond, *, train: bool) -> jax.Array:
        """z [B, ...latent] -> distribution parameters float32 [B, H, W, C * parameters per channel]."""
        ...


class Autoencoder(Protocol):
    """Images to latents and back, for models of latents."""

    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """x float [B, H, W, C] in [-1, 1] -> what is left of it after both ways, by the mean."""
        ...

    def encode(self, x: jax.Array, *, train: bool) -> tuple[jax.Array, jax.Array]:
        """x float [B, H, W, C] in [-1, 1] -> (mean, log variance), each float32 [B, h, w, D]."""
        ...

    def decode(self, z: jax.Array, *, train: bool) -> jax.Array:
        """z [B, h, w, D] -> images float32 [B, H, W, C], about in [-1, 1]."""
        ...


class Causal(Protocol):
    """What comes next, for every pixel at once in training, and pixel by pixel with cached activations in sampling."""

    def __call__(self, x: jax.Array, cond: Cond, *, train: bool) -> jax.Array:
        """x float [B, H, W, C] in [-1, 1] -> distribution parameters float32 [B, H, W, P].

        Those of (i, j) depend on pixels before (i, j) in raster order alone.
        """
        ...

    def init_cache(self, x: jax.Array, *, train: bool) -> Any:
        """The cache before the first pixel of images like x [B, H, W, C]; only the shape of x counts."""
        ...

    def row(self, cache: Any, above: jax.Array, i: jax.Array, cond: Cond, *, train: bool) -> Any:
        """Begin row i, given the finished row i - 1, float [B, W, C] (anything for i = 0) -> the new cache.

        Whatever depends on the rows above alone is computed here, once per row.
        """
        ...

    def step(
        self, cache: Any, before: jax.Array, i: jax.Array, j: jax.Array, cond: Cond, *, train: bool
    ) -> tuple[Any, jax.Array]:
        """(new cache, parameters [B, P] of pixel (i, j)), given pixel (i, j - 1), [B, C] (anything for j = 0)."""
        ...


class Bijection(Protocol):
    """Images to latents and back. Every level's latents come out N(0, I) under the model, as one vector."""

    def __call__(self, x: jax.Array, cond: Cond, *, train: bool) -> tuple[jax.Array, jax.Array]:
        """x float [B, H, W, C], cond {"label"?, "image"?} -> (z float32 [B, H W C], log |det dz/dx| float32 [B])."""
        ...

    def inverse(self, z: jax.Array, cond: Cond, *, train: bool) -> jax.Array:
        """z [B, H W C] -> x float32 [B, H, W, C]."""
        ...


class Predictor(Protocol):
    """What comes after the frames seen."""

    def __call__(self, video: jax.Array, cond: Cond, *, train: bool) -> jax.Array:
        """video float [B, J, H, W, C] in [-1, 1] -> the next frames float32 [B, K, H, W, C]: values, or logits of
        (value + 1) / 2. With `train`, forecasts of the last frames seen may stand before them."""
        ...


class Motion(Protocol):
    """Noise to a path of motion codes."""

    def __call__(self, noise: jax.Array, first: jax.Array, cond: Cond, *, train: bool) -> jax.Array:
        """noise float [B, T, E], first state [B, M], cond {"label"?} -> codes float32 [B, T, M]."""
        ...


class Features(Protocol):
    """What a picture shows, layer by layer."""

    def __call__(self, x: jax.Array, *, train: bool) -> dict[str, jax.Array]:
        """x float [B, H, W, 3] in [-1, 1] -> {layer: map float32 [B, H_layer, W_layer, C_layer]}."""
        ...


class Upscaler(Protocol):
    """Small images to large ones, of any size."""

    def __call__(self, low: jax.Array, *, train: bool) -> jax.Array:
        """low float [B, h, w, C] in [-1, 1] -> images float32 [B, s h, s w, C], about in [-1, 1]."""
        ...

    def reach(self) -> int:
        """How many pixels of the small image to each side of its own a pixel of the large one depends on, at most."""
        ...
