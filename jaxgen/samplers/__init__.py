"""Floor 2: from a field (x, t) -> (x0, eps) to images; guidance and inpainting turn fields into fields."""

from jaxgen.samplers.fields import (
    Conditional,
    Field,
    classifier_free,
    clip,
    dynamic_threshold,
    inpaint,
)
from jaxgen.samplers.grids import GRIDS, grid
from jaxgen.samplers.steps import SAMPLERS, ddim, ddpm, dpmpp_2m, euler, heun, start

__all__ = [
    "GRIDS",
    "SAMPLERS",
    "Conditional",
    "Field",
    "classifier_free",
    "clip",
    "ddim",
    "ddpm",
    "dpmpp_2m",
    "dynamic_threshold",
    "euler",
    "grid",
    "heun",
    "inpaint",
    "start",
]
