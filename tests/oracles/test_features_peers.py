"""Feature networks with copied random weights against pytorch-fid, torch-fidelity, torchvision and lpips."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs requirements-oracles.txt")

from peers import agree, peer, randomised  # noqa: E402

from jaxgen import evals  # noqa: E402
from jaxgen.interop import inception as interop  # noqa: E402
from jaxgen.interop import perceptual, torch_files  # noqa: E402
from jaxgen.nets.features.alexnet import AlexNet  # noqa: E402
from jaxgen.nets.features.inception import Inception  # noqa: E402
from jaxgen.nets.features.vgg import VGG  # noqa: E402
from jaxgen.nets.roles import functional  # noqa: E402
from jaxgen.zoo import encoders, pretrained, references  # noqa: E402
from jaxgen.zoo.protocols import PROTOCOLS  # noqa: E402

pytestmark = pytest.mark.oracle


def images(count=3, side=41):
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)


@pytest.fixture(scope="module")
def network():
    """pytorch-fid's own class with random weights instead of the file that it would fetch."""
    source = peer("pytorch_fid.inception")
    plain = source._inception_v3(num_classes=1008, aux_logits=False, weights=None)
    blocks = {
        "FIDInceptionA": [("Mixed_5b", 192, 32), ("Mixed_5c", 256, 64), ("Mixed_5d", 288, 64)],
        "FIDInceptionC": [
            ("Mixed_6b", 768, 128),
            ("Mixed_6c", 768, 160),
            ("Mixed_6d", 768, 160),
            ("Mixed_6e", 768, 192),
        ],
        "FIDInceptionE_1": [("Mixed_7b", 1280)],
        "FIDInceptionE_2": [("Mixed_7c", 2048)],
    }
    for kind, places in blocks.items():
        for place, *sizes in places:
            setattr(plain, place, getattr(source, kind)(*sizes))
    return randomised(plain)


@pytest.fixture(scope="module")
def weights(network, tmp_path_factory):
    """The same through a .pth file."""
    path = tmp_path_factory.mktemp("inception") / "inception.pth"
    torch.save(network.state_dict(), path)
    return pretrained.read("inception", path)


def test_pytorch_fid(network, weights):
    fid = peer("pytorch_fid.inception")
    original = fid.fid_inception_v3
    try:
        fid.fid_inception_v3 = lambda: network
        theirs = fid.InceptionV3([0, 1, 2, 3]).eval()
    finally:
        fid.fid_inception_v3 = original
    x = images()
    with torch.no_grad():
        *_, pool = theirs(torch.from_numpy(x.transpose(0, 3, 1, 2) / np.float32(255)))
    encoder = encoders.of_inception(PROTOCOLS["pytorch-fid"], weights, Inception())
    found = encoder.encode(x)
    agree("Inception, pool", "pytorch-fid", found["features"], pool[:, :, 0, 0], relative=1e-4)


def test_torch_fidelity(network, weights):
    """The whole extractor, TensorFlow's resizing included; and the maps that sFID takes, by a hook."""
    module = peer("torch_fidelity.feature_extractor_inceptionv3")
    path = weights.path
    theirs = module.FeatureExtractorInceptionV3(
        "inception-v3-compat", ["2048", "logits_unbiased"], feature_extractor_weights_path=str(path)
    ).eval()
    maps = {}
    theirs.Mixed_6d.branch1x1.register_forward_hook(lambda *given: maps.update(spatial=given[-1]))
    x = images(side=64)
    with torch.no_grad():
        pool, logits = theirs(torch.from_numpy(x.transpose(0, 3, 1, 2).copy()))
    found = encoders.of_inception(PROTOCOLS["adm"], weights, Inception()).encode(x)
    agree("Inception, pool", "torch-fidelity", found["features"], pool, relative=1e-4)
    theirs = torch.softmax(logits.double(), 1)
    agree("Inception, probabilities", "torch-fidelity", found["probabilities"], theirs, relative=1e-3)
    theirs = maps["spatial"][:, :7].permute(0, 2, 3, 1)
    agree("Inception, spatial", "torch-fidelity", found["spatial"].reshape(3, 17, 17, 7), theirs, relative=1e-4)


@pytest.mark.parametrize("side", [32, 299, 400])
def test_preparation_of_every_protocol(side):
    """What enters the network: torch-fidelity's, clean-fid's and pytorch-fid's own resizing."""
    x = images(2, side)
    batch = torch.from_numpy(x.transpose(0, 3, 1, 2).astype(np.float32))
    compat = peer("torch_fidelity.interpolate_compat_tensorflow")
    corner = compat.interpolate_bilinear_2d_like_tensorflow1x(batch, (299, 299), align_corners=False)
    centre = torch.nn.functional.interpolate(batch / 255, (299, 299), mode="bilinear", align_corners=False)
    clean = peer("cleanfid.resize").build_resizer("clean")
    expected = {
        "torch-fidelity": (corner.permute(0, 2, 3, 1).numpy() - 128) / 128,
        "pytorch-fid": 2 * centre.permute(0, 2, 3, 1).numpy() - 1,
        "clean": (np.stack([clean(image) for image in x]) - 128) / 128,
    }
    for name, theirs in expected.items():
        program = "clean-fid" if name == "clean" else name
        ours = encoders.prepare(jnp.asarray(x), PROTOCOLS[name])
        agree(f"{side} to 299 pixels, {name}", program, ours, theirs, absolute=1e-4)


@pytest.mark.parametrize("name", ["vgg", "alex"])
def test_features_of_torchvision(name):
    models = peer("torchvision.models")
    theirs = randomised({"vgg": models.vgg16, "alex": models.alexnet}[name](weights=None)).features
    tensors = {f"features.{key}": value.numpy() for key, value in theirs.state_dict().items()}
    net, read = {
        "vgg": (VGG(depths=perceptual.VGG16_DEPTHS), perceptual.vgg16_from_torchvision),
        "alex": (AlexNet(), perceptual.alexnet_from_torchvision),
    }[name]
    x = np.random.default_rng(1).random((2, 64, 72, 3), np.float32)
    found, _ = jax.jit(functional(net).apply)(read(tensors), {}, 2 * x - 1)
    mean, std = np.float32((0.485, 0.456, 0.406)), np.float32((0.229, 0.224, 0.225))
    y = torch.from_numpy(((x - mean) / std).transpose(0, 3, 1, 2).copy())
    maps = []
    with torch.no_grad():
        for layer in theirs:
            y = layer(y)
            if isinstance(layer, torch.nn.ReLU):
                maps.append(y.numpy().transpose(0, 2, 3, 1).copy())
    assert len(found) == len(maps)
    for (layer, ours), theirs in zip(found.items(), maps):
        agree(f"{name}, {layer}", "torchvision", ours, theirs, relative=1e-4)


@pytest.mark.parametrize("trunk", ["alex", "vgg"])
def test_lpips_with_a_random_trunk_and_the_published_heads(trunk, tmp_path):
    lpips = peer("lpips")
    theirs = lpips.LPIPS(net=trunk, pnet_rand=True, verbose=False).eval()
    randomised(theirs.net)
    state = theirs.net.state_dict()
    # lpips keeps torchvision's layers in slices under their own numbers.
    tensors = {"features." + ".".join(key.split(".")[1:]): value.numpy() for key, value in state.items()}
    read = {"alex": perceptual.alexnet_from_torchvision, "vgg": perceptual.vgg16_from_torchvision}[trunk]
    place = f"{lpips.__path__[0]}/weights/v0.1/{trunk}.pth"
    heads = pretrained.read(f"lpips-{trunk}", place)
    assert heads.published
    assert torch_files.read(place).keys() == {f"lin{i}.model.1.weight" for i in range(5)}
    x, y = images(3, 64), images(3, 64)[::-1].copy()
    ours = evals.measure(evals.lpips(encoders.perceptual_distance(trunk, read(tensors), heads.params)), x, y)
    each = encoders.perceptual_distance(trunk, read(tensors), heads.params)(x, y)
    with torch.no_grad():
        values = theirs(*(torch.from_numpy(v.transpose(0, 3, 1, 2) / np.float32(127.5) - 1) for v in (x, y)))
    agree(f"LPIPS, {trunk}, random trunk", "lpips", each, values[:, 0, 0, 0], relative=1e-5)
    assert ours.distance == pytest.approx(float(values.mean()), rel=1e-5)


def test_the_layout_is_pytorch_fids(network):
    named = {key for key in network.state_dict() if "num_batches" not in key}
    ours = {f"{layer}.conv.weight" for layer in interop.layers()} | {"fc.weight", "fc.bias"}
    assert named == ours | {f"{layer}.bn.{part}" for layer in interop.layers() for part in interop.NORM}


def test_two_folders_from_files_to_figure(network, weights, tmp_path, monkeypatch):
    """`jaxgen evaluate --images --reference --protocol pytorch-fid` against pytorch-fid on the same two folders."""
    from PIL import Image

    from jaxgen.evaluation import evaluate_folders

    fid, score = peer("pytorch_fid.inception"), peer("pytorch_fid.fid_score")
    monkeypatch.setattr(fid, "fid_inception_v3", lambda: network)
    monkeypatch.setenv("JAXGEN_REFERENCES", str(tmp_path / "references"))
    rng = np.random.default_rng(0)
    for name, shade in (("real", 1), ("made", 2)):
        (tmp_path / name).mkdir()
        for index in range(16):
            # Shades that differ from image to image: a random network sees nothing else, and of the covariance of what
            # it cannot tell apart only float32's rounding would remain.
            image = rng.integers(0, 40, (20, 24, 3), np.uint8) + rng.integers(0, 216, 3, np.uint8) // shade
            Image.fromarray(image).save(tmp_path / name / f"{index}.png")
    ours = evaluate_folders(
        tmp_path / "made",
        tmp_path / "real",
        protocol="pytorch-fid",
        metrics=["fid"],
        weights_file=str(weights.path),
        out=tmp_path / "card.json",
    )
    m, s = score.compute_statistics_of_path(
        str(tmp_path / "real"), fid.InceptionV3([3]).eval(), 8, 2048, "cpu", num_workers=0
    )
    (file,) = (tmp_path / "references").glob("*.npz")
    reference = references.read(file)
    agree("a folder's mean, files to features", "pytorch-fid", reference.moments.mean, m, relative=1e-4)
    agree("its covariance", "pytorch-fid", reference.moments.covariance, s, relative=1e-4)
    (entry,) = ours["metrics"]
    assert entry["metric"] == f"FD-inception@{weights.sha256[:8]}"
    assert entry["interval"][0] < entry["value"] < entry["interval"][1]
