"""Encoders: what turns images into the features and probabilities that figures are made of, with a name and a hash.

A distance in the features of a classifier trained here is called FD-<classifier>. FID, KID and sFID are the names of
figures in the features of one published network prepared by a named protocol; with any other weights they are called
FD-inception@<hash>, so that nobody mistakes them.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from jaxgen import evals, parallel
from jaxgen.core import UserError
from jaxgen.evals import perceptual as measure
from jaxgen.evals.classes import softmax
from jaxgen.interop.perceptual import READ, VGG16_DEPTHS
from jaxgen.nets.features.alexnet import AlexNet
from jaxgen.nets.features.inception import Inception
from jaxgen.nets.features.vgg import VGG
from jaxgen.nets.roles import functional
from jaxgen.ops.resize import resize
from jaxgen.zoo import pretrained
from jaxgen.zoo.protocols import Protocol

CHUNK = 32
"""Images per call of a compiled network: always so many, padded, so that an image's features do not depend on how many
came with it."""


PAIRS = 8
"""Pairs per call of a perceptual distance, whose maps are large."""


class Encoder(NamedTuple):
    """Images -> what figures are made of."""

    name: str
    """What stands after "FD-" in the name of a distance."""
    mark: str
    """sha256 of the weights."""
    encode: Callable[[np.ndarray], dict[str, np.ndarray]]
    """uint8 [B, H, W, C] -> {"features": [B, D], "probabilities": [B, K], "spatial": [B, S] where there are such}."""
    protocol: Protocol | None = None
    published: bool = False
    """The weights are those that the published figures were made with."""

    def title(self, figure: str) -> str:
        """The name of a figure: "frechet", "kernel", "spatial" or "score"."""
        if self.protocol and self.published:
            return {"frechet": "FID", "kernel": "KID", "spatial": "sFID", "score": "IS"}[figure]
        return {"frechet": "FD", "kernel": "KD", "spatial": "sFD", "score": "IS"}[figure] + f"-{self.name}"


def of_judge(judge: evals.Judge) -> Encoder:
    """The encoder of a classifier."""
    return Encoder(judge.name, judge.mark, judge.answers)


def chunked(
    program: Callable[..., dict[str, Any]], weights: Any, chunk: int = CHUNK
) -> Callable[..., dict[str, np.ndarray]]:
    """A function of arrays [B, ...] for any B from one of exactly `chunk` examples, divided among all devices.

    Args:
      program: (weights, *arrays [chunk, ...]) -> {name: [chunk, ...]}; compiled here.
      weights: copied to every device.

    Products are taken in full float32 on every device, so that a figure is the same on a GPU or a TPU.
    """
    mesh, count = parallel.make_mesh(), jax.device_count()
    chunk = -(-chunk // count) * count
    split, whole = (NamedSharding(mesh, spec) for spec in (PartitionSpec(parallel.mesh.BATCH), PartitionSpec()))
    weights = jax.device_put(weights, whole)
    compiled = jax.jit(program, compiler_options=parallel.compiler_options())

    def run(*arrays: np.ndarray) -> dict[str, np.ndarray]:
        parts = []
        for start in range(0, len(arrays[0]), chunk):
            cut = [np.asarray(x[start : start + chunk]) for x in arrays]
            real = len(cut[0])
            padded = [np.concatenate([x, np.zeros((chunk - real, *x.shape[1:]), x.dtype)]) for x in cut]
            with jax.default_matmul_precision("highest"):
                made = compiled(weights, *jax.device_put(padded, split))
            parts.append({name: np.asarray(value)[:real] for name, value in made.items()})
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    return run


def prepare(x: jax.Array, protocol: Protocol) -> jax.Array:
    """uint8 [B, H, W, 1 or 3] -> float32 [B, side, side, 3] as the protocol says; grey becomes RGB."""
    x = resize(x.astype(jnp.float32), protocol.side, protocol.kernel)
    x = jnp.clip(x, 0.0, 255.0) if protocol.clip else x
    return jnp.broadcast_to((x - protocol.centre) / protocol.half, (*x.shape[:3], 3))


def inception(protocol: Protocol, path: str | None = None, *, net: Inception | None = None) -> Encoder:
    """The encoder of a protocol, with the published weights or those at `path`.

    Raises:
      UserError: no such file, or another network's.
    """
    weights = pretrained.read("inception", path)
    return of_inception(protocol, weights, net or Inception())


def of_inception(protocol: Protocol, weights: pretrained.Weights, net: Inception) -> Encoder:
    """The same with weights at hand."""
    apply = functional(net).apply

    def program(params, x):
        found, _ = apply(params, {}, prepare(x, protocol))
        return found

    run = chunked(program, weights.params)

    def encode(x: np.ndarray) -> dict[str, np.ndarray]:
        _check_pixels(x)
        found = run(x)
        spatial = found["spatial"].reshape(len(x), -1)
        more = {"spatial": spatial} if "sfid" in protocol.figures else {}
        return {"features": found["pool"], "probabilities": softmax(found["logits"]).astype(np.float32), **more}

    return Encoder(f"inception@{weights.sha256[:8]}", weights.sha256, encode, protocol, weights.published)


def _check_pixels(x: np.ndarray) -> None:
    if x.dtype != np.uint8 or x.ndim != 4 or x.shape[-1] not in (1, 3):
        raise UserError(f"Inception reads uint8 images [N, H, W, 1 or 3], not {x.dtype} {list(x.shape)}.")


def lpips(
    trunk: str, path: str | None = None, heads: str | None = None
) -> tuple[str, Callable[[np.ndarray, np.ndarray], np.ndarray]]:
    """The name that LPIPS with the trunk "alex" or "vgg" may carry, and the distance for `evals.lpips`.

    Args:
      path, heads: files of the trunk's and of the heads' weights; by default the published ones.

    Raises:
      UserError: no such files, or another network's.
    """
    body, head = pretrained.read(trunk, path), pretrained.read(f"lpips-{trunk}", heads)
    name = f"LPIPS-{trunk}" if body.published and head.published else f"PD-{trunk}@{body.sha256[:8]}"
    return name, perceptual_distance(trunk, body.params, head.params)


def perceptual_distance(trunk: str, params: Any, heads: Any) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """LPIPS of uint8 images [B, H, W, 3] and their truths -> float32 [B]."""
    # Shift and scale of images in [-1, 1] as mean and deviation of pixels in [0, 1].
    mean: Any = tuple((shift + 1.0) / 2.0 for shift in measure.SHIFT)
    std: Any = tuple(scale / 2.0 for scale in measure.SCALE)
    nets = {"alex": lambda: AlexNet(mean, std), "vgg": lambda: VGG(depths=VGG16_DEPTHS, mean=mean, std=std)}
    apply = functional(nets[trunk]()).apply

    def program(weights, x, truth):
        params, heads = weights
        both = [apply(params, {}, image.astype(jnp.float32) / 127.5 - 1.0)[0] for image in (x, truth)]
        maps, others = ({layer: found[layer] for layer in READ[trunk]} for found in both)
        return {"distance": measure.distance(maps, others, heads)}

    run = chunked(program, (params, heads), PAIRS)

    def distance(x: np.ndarray, truth: np.ndarray) -> np.ndarray:
        for images in (x, truth):
            if images.dtype != np.uint8 or images.shape[-1] != 3:
                raise UserError(f"LPIPS compares uint8 RGB images, not {images.dtype} {list(images.shape)}.")
        return run(x, truth)["distance"]

    return distance
