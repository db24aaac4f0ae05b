import jax
import pytest

from jaxgen import parallel
from jaxgen.core import UserError


@pytest.mark.parametrize(
    ("asked", "made"),
    [
        ((-1, 1), (4, 1, 1)),
        ((1, -1), (1, 4, 1)),
        ((2, 2), (2, 2, 1)),
        ((-1, 2), (2, 2, 1)),
        ((4, 1), (4, 1, 1)),
        ((2, 1, 2), (2, 1, 2)),
        ((1, 1, -1), (1, 1, 4)),
    ],
)
def test_sizes(asked, made):
    mesh = parallel.make_mesh(*asked)
    assert mesh.axis_names == ("data", "fsdp", "tensor")
    assert mesh.devices.shape == made
    assert all(kind == jax.sharding.AxisType.Auto for kind in mesh.axis_types)


def test_chosen_devices_keep_their_order():
    chosen = jax.devices()[::-1][:2]
    assert list(parallel.make_mesh(devices=chosen).devices.flat) == chosen


@pytest.mark.parametrize(
    ("data", "fsdp", "words"),
    [(3, 1, "4 devices"), (-1, 3, "4 devices"), (8, 1, "4 devices"), (0, 1, "no mesh"), (-1, -1, "no mesh")],
)
def test_sizes_that_do_not_fit(data, fsdp, words):
    with pytest.raises(UserError, match=words):
        parallel.make_mesh(data, fsdp)


def test_a_tensor_axis_that_does_not_fit():
    with pytest.raises(UserError, match=r"data = 2 times fsdp = 1 times tensor = 3 does not fit 4 devices"):
        parallel.make_mesh(2, 1, 3)


@pytest.mark.parametrize("sizes", [(4, 1, 1), (2, 2, 1), (1, 2, 2), (1, 1, 4)])
def test_one_process_loads_every_row(sizes):
    assert parallel.mesh.rows(parallel.make_mesh(*sizes), 8).tolist() == list(range(8))
    assert parallel.mesh.global_size(parallel.make_mesh(*sizes), 8) == 8


def test_the_tensor_axis_does_not_divide_the_batch():
    assert parallel.mesh.rows(parallel.make_mesh(1, 1, 4), 6).tolist() == list(range(6))
    with pytest.raises(UserError, match="batch of 6 does not divide over 4 devices"):
        parallel.mesh.rows(parallel.make_mesh(4), 6)
