"""Makes torchvision importable beside a torch that it was not compiled for.

The wheel of the package index may hold operators for another build of torch; they then stay unregistered, and importing
torchvision fails because it declares how some of them behave, which also breaks packages that only look whether it is
there. Declaring their signatures first is enough: nothing here calls them.
"""

import importlib.util

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "roi_align(Tensor input, Tensor rois, float spatial_scale, SymInt pooled_height, SymInt pooled_width, "
    "int sampling_ratio, bool aligned) -> Tensor",
)
KEPT = []

if importlib.util.find_spec("torch") and importlib.util.find_spec("torchvision"):
    import torch

    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        import sys

        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        for schema in SCHEMAS:
            library.define(schema)
        KEPT.append(library)  # the declarations end with it
