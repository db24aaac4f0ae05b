"""Pretrained feature networks: which file each needs, how to obtain it, and whether a file is the published one.

Files are read, never fetched. A file that fits the network but is not the published one (its hash differs) is read as
well, and figures made with it carry its hash in their names instead of a published name.
"""

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgen.core import UserError, choose
from jaxgen.interop import inception, perceptual, torch_files


class Published(NamedTuple):
    """A file of weights as its authors distribute it."""

    title: str
    file: str
    hashes: tuple[str, ...]
    """sha256 of published files, or how they begin."""
    obtain: str
    convert: Callable[[Mapping[str, np.ndarray]], Any]


class Weights(NamedTuple):
    """A file of weights, read."""

    params: Any
    path: Path
    sha256: str
    published: bool


FILES = {
    "inception": Published(
        "FID's Inception v3",
        "pt_inception-2015-12-05-6726825d.pth",
        ("6726825d",),
        "it is an asset of the releases of mseitzer/pytorch-fid on GitHub (tag fid_weights), which pytorch-fid fetches "
        "when it runs first",
        inception.from_published,
    ),
    "alex": Published(
        "AlexNet",
        "alexnet-owt-7be5be79.pth",
        ("7be5be79", "4df8aa71"),
        "torchvision.models.alexnet(weights='DEFAULT') fetches it once into ~/.cache/torch/hub/checkpoints",
        perceptual.alexnet_from_torchvision,
    ),
    "vgg": Published(
        "VGG-16",
        "vgg16-397923af.pth",
        ("397923af",),
        "torchvision.models.vgg16(weights='DEFAULT') fetches it once into ~/.cache/torch/hub/checkpoints",
        perceptual.vgg16_from_torchvision,
    ),
    "lpips-alex": Published(
        "the heads of LPIPS for AlexNet",
        "alex.pth",
        ("df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",),
        "the Python package lpips 0.1.4 holds it as lpips/weights/v0.1/alex.pth",
        lambda tensors: perceptual.heads(tensors, "alex"),
    ),
    "lpips-vgg": Published(
        "the heads of LPIPS for VGG-16",
        "vgg.pth",
        ("a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",),
        "the Python package lpips 0.1.4 holds it as lpips/weights/v0.1/vgg.pth",
        lambda tensors: perceptual.heads(tensors, "vgg"),
    ),
}


def sha256(path: Path) -> str:
    """Of a file's bytes, hexadecimal."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            found.update(block)
    return found.hexdigest()


def find(name: str, path: str | Path | None = None) -> Path:
    """Where the file lies: the given path, or its published name below $JAXGEN_DATA/weights.

    Raises:
      UserError: it is not there; the sentence tells how to obtain it.
    """
    published = choose(FILES, name, "pretrained network")
    shelf = Path(os.environ.get("JAXGEN_DATA", "data")) / "weights"
    place = Path(path).expanduser() if path else shelf / published.file
    if place.is_file():
        return place
    raise UserError(
        f"The weights of {published.title} are not at {place}: {published.obtain}; name the file with --weights, or "
        f"put {published.file} into $JAXGEN_DATA/weights."
    )


def read(name: str, path: str | Path | None = None) -> Weights:
    """The weights of a network, from `find`'s place.

    Raises:
      UserError: no file, a damaged one, or one of another network.
    """
    published, place = choose(FILES, name, "pretrained network"), find(name, path)
    found = sha256(place)
    tensors = torch_files.read(place)
    try:
        params = published.convert(tensors)
    except UserError as error:
        raise UserError(f"{place} does not hold {published.title}: {error}.") from None
    return Weights(params, place, found, found.startswith(published.hashes))
