"""Our VGG-19 against a twin in PyTorch with the same random weights, and our reader against files torch.save writes.

torchvision itself is not part of the oracles' environment; the twin is built from its published layer list: blocks of
3x3 convolutions (padding 1) and ReLUs of 64, 128, 256, 512 and 512 channels with 2x2 max pooling after each.
"""

import jax
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs requirements-oracles.txt")

from jaxgen.core import UserError  # noqa: E402
from jaxgen.interop import torch_files  # noqa: E402
from jaxgen.interop.vgg import from_torchvision  # noqa: E402
from jaxgen.nets.features.vgg import IMAGENET_MEAN, IMAGENET_STD, VGG  # noqa: E402
from jaxgen.nets.roles import functional  # noqa: E402

pytestmark = pytest.mark.oracle
PLAN = [64, 64, "M", 128, 128, "M", *[256] * 4, "M", *[512] * 4, "M", *[512] * 4, "M"]
FIRST = {"relu1_1": 1, "relu2_1": 6, "relu3_1": 11, "relu4_1": 20, "relu4_2": 22, "relu5_1": 29, "relu5_4": 35}
"""Number of the ReLU after each layer in torchvision's `features`."""


@pytest.fixture(scope="module")
def twin():
    torch.manual_seed(0)
    layers, inputs = [], 3
    for width in PLAN:
        if width == "M":
            layers.append(torch.nn.MaxPool2d(2, 2))
            continue
        layers += [torch.nn.Conv2d(inputs, width, 3, padding=1), torch.nn.ReLU(inplace=False)]
        inputs = width
    features = torch.nn.Sequential(*layers)
    for layer in features:
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            torch.nn.init.normal_(layer.bias, std=0.1)
    return torch.nn.ModuleDict({"features": features}).eval()


@pytest.fixture(scope="module")
def files(twin, tmp_path_factory):
    folder = tmp_path_factory.mktemp("vgg")
    torch.save(twin.state_dict(), folder / "zip.pth")
    torch.save(twin.state_dict(), folder / "old.pth", _use_new_zipfile_serialization=False)
    return folder


@pytest.mark.parametrize("name", ["zip.pth", "old.pth"])
def test_every_layer_agrees(twin, files, name):
    tensors = torch_files.read(files / name)
    for key, value in twin.state_dict().items():
        np.testing.assert_array_equal(tensors[key], value.numpy())
    params = from_torchvision(tensors, {})
    x = np.random.default_rng(0).random((2, 37, 50, 3), np.float32)
    maps, _ = jax.jit(functional(VGG()).apply)(params, {}, x * 2 - 1)
    y = torch.from_numpy(((x - np.float32(IMAGENET_MEAN)) / np.float32(IMAGENET_STD)).transpose(0, 3, 1, 2).copy())
    with torch.no_grad():
        for number, layer in enumerate(twin["features"]):
            y = layer(y)
            for key in (key for key, wanted in FIRST.items() if wanted == number):
                theirs = y.numpy().transpose(0, 2, 3, 1)
                assert theirs.shape == maps[key].shape
                assert np.abs(theirs - maps[key]).max() < 1e-4 * np.abs(theirs).max(), key


def test_a_whole_pickled_module_is_refused(twin, tmp_path):
    torch.save(twin, tmp_path / "module.pth")
    with pytest.raises(UserError, match="which no file of plain tensors needs"):
        torch_files.read(tmp_path / "module.pth")


def test_other_types_and_views_come_back(tmp_path):
    base = torch.arange(24.0).reshape(4, 6)
    state = {"turned": base.t()[1:], "half": base.half(), "whole": base.long(), "yes": base > 3, "none": base[:0]}
    for zipped in (True, False):
        torch.save(state, tmp_path / "views.pt", _use_new_zipfile_serialization=zipped)
        found = torch_files.read(tmp_path / "views.pt")
        for key, value in state.items():
            np.testing.assert_array_equal(found[key], value.numpy())
            assert found[key].dtype == value.numpy().dtype
