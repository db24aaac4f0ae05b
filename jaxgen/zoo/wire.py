"""A task as the outside sees it: images and videos cross the wire as uint8."""

import jax.numpy as jnp

from jaxgen.core import Spec, Task
from jaxgen.ops import images

PIXELS = ("image", "video")


def pictured(specs: dict[str, Spec]) -> str | None:
    """The first entry that is made of pixels; None without one."""
    return next((name for name, spec in specs.items() if spec.kind in PIXELS), None)


def wire(task: Task) -> Task:
    """The same task with uint8 pixels [0, 255] in and out; everything else is unchanged."""

    def fn(weights, keys, inputs):
        decoded = {
            name: images.to_float(value) if task.inputs[name].kind in PIXELS else value
            for name, value in inputs.items()
        }
        outputs = task.fn(weights, keys, decoded)
        return {
            name: images.to_uint8(value) if task.outputs[name].kind in PIXELS else value
            for name, value in outputs.items()
        }

    return task._replace(fn=fn, inputs=_bytes(task.inputs), outputs=_bytes(task.outputs))


def _bytes(specs: dict[str, Spec]) -> dict[str, Spec]:
    return {name: spec._replace(dtype=jnp.uint8) if spec.kind in PIXELS else spec for name, spec in specs.items()}
