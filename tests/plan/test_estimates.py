"""Memory, traffic and loads by shapes, against arrays that lie on devices and against sums by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from jaxgen import parallel
from jaxgen.core import UserError
from jaxgen.plan import chips, estimate, memory, subject, traffic
from jaxgen.zoo import configs

F32 = 4


@pytest.mark.parametrize(
    ("text", "count"), [("v5e:16x16", 256), ("v5p:4x4x8", 128), ("v6e:2x4", 8), ("cpu:8", 8), ("v5e:1x1", 1)]
)
def test_slices_have_their_chips(text, count):
    assert chips.parse(text).chips == count


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("v5:16x16", "Did you mean"),
        ("v5e", "should read CHIP:SHAPE"),
        ("v5e:16x0", "should read CHIP:SHAPE"),
        ("v5e:4x4x4", "slices of v5e have 2 sides"),
        ("v5p:4x4", "slices of v5p have 3 sides"),
        ("cpu:1000", "at most"),
    ],
)
def test_bad_slices_are_one_sentence(text, says):
    with pytest.raises(UserError, match=says):
        chips.parse(text)


@pytest.fixture(scope="module")
def digits():
    return subject.read("diffusion/dit_digits:smoke", ["mesh.fsdp=2"])


def test_bytes_of_a_state_are_those_that_lie_on_a_device(digits):
    chosen = subject.subject(*digits)
    mesh = parallel.make_mesh(fsdp=2, devices=jax.devices()[:4])
    shapes, batch = subject.placed(chosen, subject.abstract_mesh(digits[0], 4))
    places = parallel.shardings(subject.state(chosen), mesh, small=2**14)
    rng = np.random.default_rng(0)

    def put(shape, place):
        if jax.dtypes.issubdtype(shape.dtype, jax.dtypes.prng_key):
            return jax.device_put(jax.random.key(0), place)
        return jax.device_put(rng.normal(size=shape.shape).astype(shape.dtype), place)

    state = jax.tree.map(put, subject.state(chosen), places)
    for kind, part in (("weights", state.params), ("optimizer", state.opt), ("averages", state.ema)):
        held = [leaf.addressable_shards[0].data for leaf in jax.tree.leaves(part)]
        assert memory.by_kind(shapes, batch)[kind] == sum(x.size * x.dtype.itemsize for x in held)
    assert memory.by_kind(shapes, batch)["batch"] == 8 / 4 * (64 + 4)


def leaf(shape, mesh, *spec):
    place = jax.sharding.NamedSharding(mesh, PartitionSpec(*spec))
    return jax.ShapeDtypeStruct(shape, jnp.float32, sharding=place)


def test_least_traffic_by_hand(digits):
    alone, pair, eight = (subject.abstract_mesh(digits[0], n) for n in (2, 4, 8))
    copied = memory.least_traffic({"w": leaf((32, 8), eight)}, 2)
    assert copied == {"all-gather": 0, "reduce-scatter": 0, "all-reduce": 2 * 7 / 8 * 256 * 2}
    cut = memory.least_traffic({"w": leaf((32, 8), eight, "fsdp")}, 2)
    assert cut == {
        "all-gather": 1 / 2 * 256 * 2,
        "reduce-scatter": 1 / 2 * 256 * 2,
        "all-reduce": 2 * 3 / 4 * 128 * 2,
    }
    assert memory.least_traffic({"w": leaf((32, 8), pair)}, 4)["all-reduce"] == 2 * 3 / 4 * 256 * F32
    assert memory.least_traffic({"w": leaf((32, 8), alone, "fsdp")}, 4)["all-reduce"] == 0


A, W, V = (jax.ShapeDtypeStruct(shape, jnp.float32) for shape in ((4, 8), (8, 16), (16, 2)))


def test_what_is_elementwise_costs_nothing_unless_a_product_reads_it():
    plain = traffic.use(lambda a, w: (a @ w) * 2.0 + 1.0, A, W)
    assert plain.moved == F32 * ((32 + 128) + 64 + 2 * 64)  # product, then one pass over its result
    between = traffic.use(lambda a, w, v: jnp.tanh(a @ w) @ v, A, W, V)
    assert between.peak == F32 * 2 * 64  # the product and its tanh; the result takes a donated place
    assert between.moved == F32 * ((32 + 128 + 64) + (64 + 64) + (64 + 32 + 8))


def test_loops_move_as_often_as_they_turn_and_keep_once():
    def loop(length):
        return lambda a, w: jax.lax.scan(lambda x, _: (jnp.tanh(x @ w @ w.T), None), a, length=length)[0]

    few, many = traffic.use(loop(2), A, W), traffic.use(loop(8), A, W)
    assert many.moved == 4 * few.moved
    assert many.peak == few.peak


def test_values_cut_like_weights_count_less():
    gradient = jax.grad(lambda w, a: jnp.sum(jnp.square(a @ w)))

    def step(w, a):
        return w - 0.1 * gradient(w, a)

    whole, half = traffic.use(step, W, A), traffic.use(step, W, A, cut={(8, 16): 2})
    assert whole.moved - half.moved >= 2 * F32 * 64


def test_rematerialised_blocks_keep_less(digits):
    def kept(policy):
        config = configs.load("diffusion/dit_digits")
        config.net.remat = policy
        return estimate.shapes(config, digits[1], digits[2], 1).memory["activations"]

    assert kept("full") < kept("none")


def test_a_report_adds_up_and_says_what_would_fit(digits):
    config, info, leaves = subject.read("diffusion/dit_digits", [])
    topology = chips.Topology("toy:4", "toy", (4,))
    found = estimate.shapes(config, info, leaves, 4)
    total = sum(found.memory.values())
    small, large = (chips.Chip(scale * total / 0.97, 1e12, 1e9, 1e8) for scale in (0.9, 1.1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(chips.CHIPS, "toy", large)
        report = estimate.report(found, topology)
        assert report["fits"]
        seconds = report["seconds"]
        assert seconds["flops"] == found.flops / 1e12
        assert seconds["overlapped"] == max(seconds["flops"], seconds["memory"], seconds["links"])
        assert seconds["in_turn"] == pytest.approx(seconds["flops"] + seconds["memory"] + seconds["links"])
        assert estimate.advice(config, info, leaves, topology)["set"] == {"mesh.fsdp": 1, "train.micro": 1}
        patch.setitem(chips.CHIPS, "toy", small)
        assert not estimate.report(found, topology)["fits"]
        advised = estimate.advice(config, info, leaves, topology)
    assert advised["set"]["mesh.fsdp"] > 1 or advised["set"]["train.micro"] > 1
    assert advised["memory_total"] <= 0.9 * total


def test_data_need_not_be_at_hand():
    _, info, leaves = subject.read("diffusion/dit_xl2_imagenet256", [])
    assert info.image == (256, 256, 3)
    assert len(info.classes) == 1000
    assert leaves == {"image": ((256, 256, 3), "uint8"), "label": ((), "int32")}
    _, info, _ = subject.read("diffusion/dit_digits", [], "16x8x1", 5)
    assert (info.image, len(info.classes)) == ((16, 8, 1), 5)
    for image, says in (("16x16", "HEIGHTxWIDTHxCHANNELS"), ("", "--image 256x256x3")):
        with pytest.raises(UserError, match=says):
            subject.read("diffusion/dit_digits", ["data.name=places365_small"], image)


def test_a_batch_that_does_not_divide():
    config, info, leaves = subject.read("diffusion/dit_digits", ["train.batch_size=12"])
    with pytest.raises(UserError, match="12 does not divide over 8 chips"):
        estimate.shapes(config, info, leaves, 8)
    config.mesh.fsdp = 3
    with pytest.raises(UserError, match="fsdp = 3 does not fit 8 chips"):
        estimate.shapes(config, info, leaves, 8)


@pytest.mark.parametrize("name", ["mixture/diag_digits", "random_field/ising_pcd_digits", "gan/wgan_digits"])
def test_a_chips_share_may_be_smaller_than_a_start_needs(name):
    """The state is that of the whole batch; chains and pictures that follow the batch are shared out with it."""
    config, info, leaves = subject.read(f"{name}:smoke", [])
    alone, shared = (estimate.shapes(config, info, leaves, chips) for chips in (1, 4))
    assert shared.flops <= alone.flops
    assert shared.memory.get("weights") == alone.memory.get("weights")
    assert shared.memory["batch"] < alone.memory["batch"]
