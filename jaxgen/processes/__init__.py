"""Floor 1: forward noise processes on a common clock, and the one hub between what networks predict."""

from jaxgen.processes.base import Process, expand, log_snr_range, mix
from jaxgen.processes.hub import PREDICTIONS, Hub, determinant, hub, input_scale, target
from jaxgen.processes.straight import edm, rectified_flow
from jaxgen.processes.variance_preserving import cosine_betas, linear_betas, table, vp_cosine, vp_linear

PROCESSES = {
    "linear": vp_linear,
    "cosine": vp_cosine,
    "edm": edm,
    "flow": rectified_flow,
}
"""Process names in a config -> their builders; the builders' arguments are the settings."""

__all__ = [
    "PREDICTIONS",
    "PROCESSES",
    "Hub",
    "Process",
    "cosine_betas",
    "determinant",
    "edm",
    "expand",
    "hub",
    "input_scale",
    "linear_betas",
    "log_snr_range",
    "mix",
    "rectified_flow",
    "table",
    "target",
    "vp_cosine",
    "vp_linear",
]
