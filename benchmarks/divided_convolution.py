"""A convolution that XLA adds up too often when a mesh divides it: a reproduction without jaxgen, and which forms do.

    python benchmarks/divided_convolution.py

On a mesh of 2 x 2 (fake) devices, an image whose rows lie on axis "b" meets a kernel whose input channels lie on "b".
Printed for every placement: the result divided by that of one device, under both of XLA's partitioners. 1 is right.
`jaxgen.ops.strided.whole_rows` keeps jaxgen's convolutions away from it.
"""

import os

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

ROWS = {"batch on a, rows on b": ("a", "b"), "rows on b": (None, "b"), "batch on a and b": (("a", "b"),)}
KERNELS = {"whole": (), "inputs on b": (None, None, "b"), "outputs on b": (None, None, None, "b")}


def convolve(x, w):
    return jax.lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def main() -> None:
    mesh = jax.make_mesh((2, 2), ("a", "b"), axis_types=(AxisType.Auto,) * 2)
    x = jax.random.normal(jax.random.key(0), (8, 2, 2, 16))
    print(f"jax {jax.__version__}")
    print(f"{'image':24}{'kernel':16}{'3x3 Shardy':>12}{'GSPMD':>8}{'2x2 Shardy':>12}{'GSPMD':>8}")
    for image, rows in ROWS.items():
        for kernel, channels in KERNELS.items():
            line = f"{image:24}{kernel:16}"
            for size in (3, 2):
                w = jax.random.normal(jax.random.key(1), (size, size, 16, 8))
                right = np.asarray(convolve(x, w))
                for shardy in (True, False):
                    jax.config.update("jax_use_shardy_partitioner", shardy)
                    jax.clear_caches()
                    places = [NamedSharding(mesh, PartitionSpec(*spec)) for spec in (rows, channels)]
                    got = np.asarray(jax.jit(convolve)(*map(jax.device_put, (x, w), places)))
                    line += f"{np.vdot(got, right) / np.vdot(right, right):{12 if shardy else 8}.3f}"
            print(line)


if __name__ == "__main__":
    main()
