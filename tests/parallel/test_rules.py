import jax
import jax.numpy as jnp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.sharding import PartitionSpec as P

from jaxgen import parallel
from jaxgen.core import UserError


def specs(shapes, mesh, rules=(), **options):
    state = jax.tree.map(
        lambda shape: jax.ShapeDtypeStruct(shape, jnp.float32), shapes, is_leaf=lambda x: isinstance(x, tuple)
    )
    return jax.tree.map(lambda place: place.spec, parallel.shardings(state, mesh, rules, **options))


def test_a_rule_covers_weights_moments_and_averages():
    tree = {
        "params": {"model": {"up": {"kernel": (6, 8), "bias": (8,)}}},
        "opt": {"model": [{"mu": {"up": {"kernel": (6, 8)}}}]},
        "ema": {"model": {"ema": {"params": {"up": {"kernel": (6, 8)}}}}},
    }
    got = specs(tree, parallel.make_mesh(2, 2), [(r"up/kernel$", P(None, "fsdp")), (r"up", P("data"))])
    assert got["params"]["model"]["up"] == {"kernel": P(None, "fsdp"), "bias": P("data")}
    assert got["opt"]["model"][0]["mu"]["up"]["kernel"] == P(None, "fsdp")
    assert got["ema"]["model"]["ema"]["params"]["up"]["kernel"] == P(None, "fsdp")


def test_an_axis_that_does_not_divide_stays_whole():
    got = specs({"w": (6, 3)}, parallel.make_mesh(1, 4), [("w", P("fsdp", None))])
    assert got["w"] == P(None, None)


def test_the_fallback_divides_the_largest_axis_of_large_leaves():
    mesh = parallel.make_mesh(1, 4)
    got = specs({"a": (8, 32, 16), "b": (30, 8), "small": (2, 4), "odd": (33, 33)}, mesh, small=64)
    assert got == {"a": P(None, "fsdp"), "b": P(None, "fsdp"), "small": P(), "odd": P()}


def test_without_an_fsdp_axis_all_is_replicated():
    assert specs({"a": (512, 512)}, parallel.make_mesh())["a"] == P()


def test_state_that_follows_the_batch_beats_the_rules():
    got = specs(
        {"memory": {"chain": (8, 4), "chains": (8,)}}, parallel.make_mesh(), [(".", P())], per_example=["memory/chain"]
    )
    assert got["memory"] == {"chain": P(("data", "fsdp")), "chains": P()}


def test_an_unknown_axis_is_named():
    with pytest.raises(UserError, match="'model'"):
        specs({"w": (4,)}, parallel.make_mesh(), [("w", P("model"))])


@settings(deadline=None, max_examples=40)
@given(shape=st.lists(st.integers(1, 12), max_size=4).map(tuple), small=st.integers(1, 50))
def test_the_fallback_always_fits(shape, small):
    """Whatever the shape, the sharding is one the devices can hold, with equal parts."""
    mesh = parallel.make_mesh(1, 4)
    leaf = jax.ShapeDtypeStruct(shape, jnp.float32)
    place = parallel.shardings(leaf, mesh, small=small)
    part = place.shard_shape(shape)
    assert part == shape or sum(a != b for a, b in zip(part, shape)) == 1


def test_rules_of_a_config():
    table = (("kernel$", (None, "tensor")), ("pool", (("data", "fsdp"),)), ("bias", "fsdp"), ("whole", ()))
    assert parallel.rules.parse(table) == [
        ("kernel$", P(None, "tensor")),
        ("pool", P(("data", "fsdp"))),
        ("bias", P("fsdp")),
        ("whole", P()),
    ]
    got = specs({"kernel": (6, 8), "other": (6, 8)}, parallel.make_mesh(2, 1, 2), parallel.rules.parse(table))
    assert got == {"kernel": P(None, "tensor"), "other": P()}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (("w", ("tensr",)), "Did you mean 'tensor'"),
        (("w(", ("tensor",)), "not a regular expression"),
        (("w", ("fsdp", "fsdp")), "twice"),
        ("w", "a rule is"),
        (("w", "tensor", "fsdp"), "a rule is"),
    ],
)
def test_rules_that_are_none(row, words):
    with pytest.raises(UserError, match=words):
        parallel.rules.parse((row,))
