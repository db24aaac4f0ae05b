"""Named protocols: everything on which a figure in Inception's features depends, as plain data.

Two FIDs compare where every field is the same, the weights are the published ones, and so are the numbers of samples
and of reference images. What each does was taken from the program it is named after; `docs/evaluation.md` has a table.
"""

from typing import NamedTuple

from jaxgen.core import choose


class Protocol(NamedTuple):
    """How images are prepared, which figures are reported, and from how many samples."""

    name: str
    program: str
    """The program whose figures these are."""
    kernel: str
    """Resizing to `side`, a name of `jaxgen.ops.resize.KERNELS`."""
    clip: bool
    """Values are clipped to [0, 255] after resizing (a cubic kernel overshoots)."""
    centre: float
    half: float
    """Pixels x in [0, 255] enter the network as (x - centre) / half."""
    figures: tuple[str, ...]
    """Of fid, sfid, kid, is, pr."""
    samples: int = 50000
    """Samples in published figures."""
    reference: str = "train"
    """The split of the reference in published figures: all of it, unless its reference file says otherwise."""
    k: int = 3
    """Neighbours of precision and recall."""
    splits: int = 10
    """Of the Inception Score, one after the other."""
    shuffle: int = -1
    """Seed of the legacy generator that shuffles samples before they are split; -1 leaves them in order."""
    subsets: int = 100
    subset_size: int = 1000
    """Of the kernel distance."""
    side: int = 299


_TENSORFLOW = dict(kernel="corner", clip=False, centre=128.0, half=128.0)

PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol("adm", "guided-diffusion, evaluator.py", figures=("fid", "sfid", "is", "pr"), **_TENSORFLOW),  # type: ignore[arg-type]
        Protocol("edm", "edm, fid.py", figures=("fid",), **_TENSORFLOW),  # type: ignore[arg-type]
        Protocol("clean", "clean-fid 0.1.35, mode clean", "antialias", True, 128.0, 128.0, ("fid", "kid")),
        Protocol(
            "torch-fidelity",
            "torch-fidelity 0.4.0",
            figures=("fid", "kid", "is", "pr"),
            shuffle=2020,
            **_TENSORFLOW,  # type: ignore[arg-type]
        ),
        Protocol("pytorch-fid", "pytorch-fid 0.3.0", "centre", False, 127.5, 127.5, ("fid",)),
    )
}


def protocol(name: str) -> Protocol:
    """The protocol of a name.

    Raises:
      UserError: there is none of that name.
    """
    return choose(PROTOCOLS, name, "protocol")
