import jax
import pytest

from jaxgen import parallel
from jaxgen.core import UserError


@pytest.mark.parametrize(
    ("asked", "made"), [((-1, 1), (4, 1)), ((1, -1), (1, 4)), ((2, 2), (2, 2)), ((-1, 2), (2, 2)), ((4, 1), (4, 1))]
)
def test_sizes(asked, made):
    mesh = parallel.make_mesh(*asked)
    assert mesh.axis_names == ("data", "fsdp")
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
