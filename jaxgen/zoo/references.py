"""Statistics of real images, computed once per set of images and encoder, in files with a manifest and hashes.

NAME.npz holds float64 mean and scatter, the same of spatial features where there are any, and the features and
probabilities of the first images (for figures that need neighbours); NAME.json is its manifest: which images (their
number, size and sha256), which protocol and weights (sha256), and the sha256 of the .npz. The files lie in
$JAXGEN_REFERENCES, by default $JAXGEN_CACHE/references (~/.cache/jaxgen/references).

Published statistics (.npz with `mu` and `sigma`, and `mu_s` and `sigma_s` of spatial features) are read as well. They
hold no count and no features: distances between Gaussians are all they serve for.
"""

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgen import __version__, evals
from jaxgen.core import UserError
from jaxgen.data.recipes import own_cache
from jaxgen.evals import Moments
from jaxgen.zoo.encoders import Encoder
from jaxgen.zoo.pretrained import sha256
from jaxgen.zoo.store import write

KEPT = 10000
"""Rows of features kept at most."""
Batches = Callable[[], Iterable[np.ndarray]]
"""() -> uint8 images [B, H, W, C], batch by batch, the same every time."""


class Reference(NamedTuple):
    """Statistics of a set of real images."""

    moments: Moments
    features: np.ndarray
    """float32 [up to KEPT, D]; empty for published statistics."""
    probabilities: np.ndarray
    spatial: Moments | None
    manifest: dict[str, Any]

    def brief(self) -> dict[str, Any]:
        """What a card says of it."""
        return {"sha256": self.manifest["file_sha256"], **{k: self.manifest[k] for k in ("name", "examples")}}


def folder() -> Path:
    """Where the files lie."""
    return Path(os.environ.get("JAXGEN_REFERENCES") or own_cache() / "references").expanduser()


def digest(batches: Batches) -> tuple[str, int, list[int]]:
    """(sha256 of all pixels in order, number of images, their shape)."""
    found, count, shape = hashlib.sha256(), 0, ()
    for x in batches():
        shape = x.shape[1:]
        found.update(f"{shape}".encode() if not count else b"")
        found.update(np.ascontiguousarray(x).tobytes())
        count += len(x)
    return found.hexdigest(), count, list(shape)


def get(batches: Batches, encoder: Encoder, name: str) -> Reference:
    """The statistics of images under an encoder, from their file or computed and written to it.

    Args:
      name: what the images are, for people: "mnist train".

    Raises:
      UserError: no images, or a file that was changed since it was written.
    """
    pixels, count, shape = digest(batches)
    if not count:
        raise UserError(f"There are no images in {name} to compare with.")
    kind = encoder.protocol.name if encoder.protocol else "judge"
    asked = {
        "name": name,
        "images_sha256": pixels,
        "examples": count,
        "image": shape,
        "protocol": kind,
        "preparation": encoder.protocol._asdict() if encoder.protocol else {},
        "encoder": encoder.name,
        "weights_sha256": encoder.mark,
    }
    same = ("images_sha256", "protocol", "preparation", "weights_sha256")
    key = hashlib.sha256(json.dumps({k: asked[k] for k in same}, sort_keys=True, default=list).encode()).hexdigest()
    stem = "".join(c if c.isalnum() else "-" for c in f"{name} {kind}")
    path = folder() / f"{stem}-{key[:16]}.npz"
    if not path.exists() or not path.with_suffix(".json").exists():
        _make(path, batches, encoder, asked)
    return read(path)


def _make(path: Path, batches: Batches, encoder: Encoder, asked: dict[str, Any]) -> None:
    whole, spatial = evals.moments(), evals.moments()
    states: list[Any] = [whole.init(), spatial.init()]
    kept: dict[str, list[np.ndarray]] = {"features": [], "probabilities": []}
    seen = 0
    for x in batches():
        found = encoder.encode(x)
        states[0] = whole.update(states[0], found["features"])
        if "spatial" in found:
            states[1] = spatial.update(states[1], found["spatial"])
        for name, parts in kept.items():
            parts.append(np.asarray(found[name][: max(KEPT - seen, 0)], np.float32))
        seen += len(x)
    arrays = {name: np.concatenate(parts) for name, parts in kept.items()}
    for end, state in zip(("", "_spatial"), states):
        if state is not None:
            arrays |= {f"mean{end}": state.mean, f"scatter{end}": state.scatter}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path.parent} cannot be made: {error.strerror or error}.") from None
    write(path, arrays)
    manifest = {**asked, "file": path.name, "file_sha256": sha256(path), "kept": len(arrays["features"])}
    manifest |= {"dimensions": int(states[0].mean.size), "versions": {"jaxgen": __version__, "numpy": np.__version__}}
    draft = path.with_name(f".{path.stem}.{os.getpid()}.json")
    draft.write_text(json.dumps(manifest, indent=1, default=list) + "\n")
    os.replace(draft, path.with_suffix(".json"))


def read(path: str | Path) -> Reference:
    """A file that `get` wrote, checked against its manifest, or published statistics.

    Raises:
      UserError: not such a file, or one that was changed.
    """
    path = Path(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            held = {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise UserError(f"There are no reference statistics at {path}.") from None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        raise UserError(f"{path} is damaged; remove it, and it is computed again.") from None
    if "mu" in held and "sigma" in held:
        return _published(path, held)
    try:
        manifest = json.loads(path.with_suffix(".json").read_text())
        hashes, count = manifest["file_sha256"], int(manifest["examples"])
        moments = Moments(count, held["mean"], held["scatter"])
    except (OSError, ValueError, KeyError):
        raise UserError(
            f"{path} holds neither `mu` and `sigma` nor statistics with a manifest {path.stem}.json; "
            "remove it, and it is computed again."
        ) from None
    if sha256(path) != hashes:
        raise UserError(f"{path} is not what its manifest says (another sha256); remove it, and it is computed again.")
    spatial = Moments(count, held["mean_spatial"], held["scatter_spatial"]) if "mean_spatial" in held else None
    return Reference(moments, held["features"], held["probabilities"], spatial, manifest)


def _published(path: Path, held: dict[str, np.ndarray]) -> Reference:
    def moments(end):
        mean, covariance = np.float64(held[f"mu{end}"]), np.float64(held[f"sigma{end}"])
        if mean.ndim != 1 or covariance.shape != (mean.size, mean.size):
            raise UserError(f"{path}: mu{end} {mean.shape} and sigma{end} {covariance.shape} do not fit together.")
        return Moments(0, mean, covariance)

    spatial = moments("_s") if "mu_s" in held else None
    none = np.empty((0, 0), np.float32)
    manifest = {"name": path.name, "examples": None, "file_sha256": sha256(path), "published": True}
    return Reference(moments(""), none, none, spatial, manifest)
