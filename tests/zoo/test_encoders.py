"""Feature networks: published layouts and hashes, refusals, and figures that do not depend on batches or devices."""

import jax
import numpy as np
import pytest
from random_weights import random_weights

from jaxgen import evals, parallel
from jaxgen.core import UserError
from jaxgen.interop import inception as interop
from jaxgen.interop import perceptual
from jaxgen.nets.features import alexnet
from jaxgen.nets.features.inception import BLOCKS, Inception, layers
from jaxgen.nets.roles import functional
from jaxgen.zoo import encoders, pretrained
from jaxgen.zoo.protocols import PROTOCOLS, protocol

SLIM = 16


@pytest.fixture(scope="module")
def slim():
    """Inception with a sixteenth of its widths, and random weights."""
    net = Inception(slim=SLIM)
    params, _ = random_weights(functional(net).init, jax.random.key(0), np.zeros((1, 75, 75, 3), np.float32))
    return net, pretrained.Weights(params, "nowhere", "0123456789abcdef", False)


@pytest.fixture(scope="module")
def small(slim):
    """Its encoder, on 75 x 75 pixels."""
    net, weights = slim
    return encoders.of_inception(PROTOCOLS["adm"]._replace(side=75), weights, net)


def images(seed, count, side=12, channels=3):
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, channels), np.uint8)


def test_the_published_layout_has_94_convolutions():
    assert len(layers()) == len(set(layers())) == 94
    assert layers()[:2] == ["Conv2d_1a_3x3", "Conv2d_2a_3x3"]
    assert {"Mixed_5b.branch5x5_2", "Mixed_6a.branch3x3", "Mixed_7c.branch3x3dbl_3b"} <= set(layers())
    assert list(BLOCKS)[-1] == "Mixed_7c"


def test_features_have_the_published_sizes():
    net = functional(Inception())
    params, _ = jax.eval_shape(net.init, jax.random.key(0), np.zeros((1, 299, 299, 3), np.float32))
    found, _ = jax.eval_shape(net.apply, params, {}, np.zeros((2, 299, 299, 3), np.float32))
    assert {k: v.shape for k, v in found.items()} == {"pool": (2, 2048), "spatial": (2, 17, 17, 7), "logits": (2, 1008)}
    with pytest.raises(ValueError, match="75 x 75"):
        jax.eval_shape(net.apply, params, {}, np.zeros((2, 74, 90, 3), np.float32))


@pytest.mark.parametrize("size", [7, 64])
def test_the_distance_of_two_sets_is_the_same_for_any_batch_size(small, size):
    x, y = images(0, 70), images(1, 64) // 2
    reference = evals.measure(evals.moments(lambda v: small.encode(v)["features"]), x, size=70)
    features = lambda v: small.encode(v)["features"]  # noqa: E731
    whole = evals.measure(evals.frechet(reference, features), y, size=1000).distance
    parts = evals.measure(evals.frechet(reference, features), y, size=size).distance
    assert whole > 0
    assert parts == pytest.approx(whole, rel=1e-6)


def test_the_distance_of_two_sets_is_the_same_on_one_device_and_on_four(slim, small):
    assert jax.device_count() == 4
    net, weights = slim
    prepared = jax.jit(
        lambda x: functional(net).apply(weights.params, {}, encoders.prepare(x, small.protocol))[0],
        compiler_options=parallel.compiler_options(),
    )

    def alone(v):
        """By one device, eight images at a time."""
        return np.concatenate([prepared(part)["pool"] for (part,) in evals.batches(8, v)])

    def distance(features):
        x, y = images(0, 40), images(1, 32) // 2
        reference = evals.measure(evals.moments(features), x, size=40)
        return evals.measure(evals.frechet(reference, features), y, size=32).distance

    assert distance(lambda v: small.encode(v)["features"]) == pytest.approx(distance(alone), rel=1e-6)


def test_grey_images_are_rgb_images_without_colour(small):
    grey = images(2, 3, channels=1)
    one, three = small.encode(grey), small.encode(np.repeat(grey, 3, -1))
    assert {k: v.shape for k, v in one.items()} == {
        "features": (3, 128),
        "probabilities": (3, 1008),
        "spatial": (3, 63),
    }
    np.testing.assert_array_equal(one["features"], three["features"])
    np.testing.assert_allclose(one["probabilities"].sum(1), 1, rtol=1e-5)
    with pytest.raises(UserError, match="uint8"):
        small.encode(grey / 255.0)


def test_only_the_published_weights_make_a_fid(small):
    assert small.title("frechet") == "FD-inception@01234567"
    published = small._replace(published=True)
    assert [published.title(x) for x in ("frechet", "kernel", "spatial", "score")] == ["FID", "KID", "sFID", "IS"]
    assert encoders.of_judge(evals.Judge(len, len, "cnn")).title("frechet") == "FD-cnn"


def test_protocols_are_named():
    assert set(PROTOCOLS) == {"adm", "edm", "clean", "torch-fidelity", "pytorch-fid"}
    with pytest.raises(UserError, match="adm"):
        protocol("amd")


def published_inception():
    """A state dict of the published layout, tiny kernels."""
    rng = np.random.default_rng(0)
    tensors = {"fc.weight": rng.normal(size=(1008, 4)), "fc.bias": np.zeros(1008)}
    for layer in layers():
        tensors[f"{layer}.conv.weight"] = rng.normal(size=(2, 3, 1, 1))
        tensors |= {f"{layer}.bn.{part}": rng.uniform(0.5, 1, 2) for part in interop.NORM}
        tensors[f"{layer}.bn.num_batches_tracked"] = np.zeros((), np.int64)
    return tensors


def test_normalisation_is_folded():
    tensors = published_inception()
    unit = interop.from_published(tensors)["Mixed_5b.branch1x1"]
    x = np.random.default_rng(1).normal(size=3)
    w, b, m, v = (tensors[f"Mixed_5b.branch1x1.bn.{part}"] for part in interop.NORM)
    expected = (tensors["Mixed_5b.branch1x1.conv.weight"][:, :, 0, 0] @ x - m) / np.sqrt(v + 1e-3) * w + b
    np.testing.assert_allclose(x @ unit["kernel"][0, 0] + unit["bias"], expected, rtol=1e-5)


def write(path, tensors):
    from safetensors.numpy import save_file

    save_file({key: np.ascontiguousarray(value) for key, value in tensors.items()}, path)
    return path


def test_weights_of_another_network_are_refused_in_one_sentence(tmp_path):
    vgg = {"features.0.weight": np.zeros((64, 3, 3, 3)), "features.0.bias": np.zeros(64)}
    place = write(tmp_path / "vgg.safetensors", vgg)
    for name, words in (("inception", "has no Conv2d_1a"), ("alex", "not AlexNet's conv1"), ("vgg", "13 of VGG-16")):
        with pytest.raises(UserError, match=words):
            pretrained.read(name, place)
    for name in ("lpips-alex", "lpips-vgg"):
        with pytest.raises(UserError, match="heads do not fit"):
            pretrained.read(name, place)
    with pytest.raises(UserError, match="which FID's Inception has not"):
        interop.from_published(published_inception() | {"AuxLogits.fc.weight": np.zeros(1)})
    with pytest.raises(UserError, match="1000 classes"):
        interop.from_published(published_inception() | {"fc.weight": np.zeros((1000, 4))})


def test_absent_weights_say_how_to_obtain_them_and_present_ones_are_hashed(tmp_path, monkeypatch):
    monkeypatch.setenv("JAXGEN_DATA", str(tmp_path))
    for name, published in pretrained.FILES.items():
        with pytest.raises(UserError, match=published.file.replace(".", r"\.")) as error:
            pretrained.find(name)
        assert published.obtain in str(error.value)
    place = write(tmp_path / "mine.safetensors", published_inception())
    found = pretrained.read("inception", place)
    assert (found.published, len(found.sha256), found.path) == (False, 64, place)
    assert found.sha256 == pretrained.sha256(place)


def alexnet_tensors(rng):
    tensors, inputs = {}, 3
    for name, number in perceptual.NUMBERS.items():
        width, size = alexnet.LAYERS[name][:2]
        tensors[f"features.{number}.weight"] = 0.05 * rng.normal(size=(width, inputs, size, size))
        tensors[f"features.{number}.bias"] = rng.normal(size=width)
        inputs = width
    return tensors


def test_lpips_of_files(tmp_path):
    rng = np.random.default_rng(0)
    trunk = write(tmp_path / "alex.safetensors", alexnet_tensors(rng))
    widths = (64, 192, 384, 256, 256)
    heads = {f"lin{i}.model.1.weight": rng.uniform(size=(1, width, 1, 1)) for i, width in enumerate(widths)}
    name, distance = encoders.lpips("alex", trunk, write(tmp_path / "heads.safetensors", heads))
    metric = evals.lpips(distance)
    assert name.startswith("PD-alex@")
    x = images(0, 3, 35)
    assert evals.measure(metric, x, x).distance == 0
    # Not a metric of pixels: the same change costs differently, and nothing is negative.
    found = evals.measure(metric, x, 255 - x, size=2)
    assert 0 < found.distance < 5
    with pytest.raises(UserError, match="RGB"):
        evals.measure(metric, images(0, 1, 35, 1), images(0, 1, 35, 1))
