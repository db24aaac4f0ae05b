"""From config to diffusion model."""

import pytest

from jaxgen.core import UserError
from jaxgen.data.info import Info
from jaxgen.zoo import configs, methods

INFO = Info("digits", (8, 8, 1), tuple("0123456789"))


def test_every_setting_arrives():
    config = configs.load("diffusion/cfg_digits:smoke", ["sampler.guidance=2.5", "method.process.name=cosine"])
    method = methods.build(config, INFO)
    assert set(method.tasks) == {"sample", "inpaint", "log_prob"}
    assert method.tasks["sample"].inputs["label"].high == 10


@pytest.mark.parametrize(
    ("name", "override", "message"),
    [
        ("ddpm_digits", "method.process.name=linera", "Did you mean 'linear'"),
        ("edm_digits", "method.process.name=linear", None),
        ("ddpm_digits", "sampler.guidance=3.0", "method.conditional=true"),
        ("ddpm_digits", "sampler.name=dpm", "sampler.name"),
    ],
)
def test_mistakes_are_explained(name, override, message):
    config = configs.load(f"diffusion/{name}:smoke", [override])
    if message is None:
        assert methods.build(config, INFO).tasks
        return
    with pytest.raises(UserError, match=message):
        methods.build(config, INFO)


def test_a_setting_of_another_process_is_an_error():
    config = configs.load("diffusion/edm_digits:smoke", ["method.process.name=flow"])
    config.method.process.sigma_max = 10.0
    with pytest.raises(UserError, match=r"method\.process\.sigma_max"):
        methods.build(config, INFO)


def test_labels_must_exist():
    config = configs.load("diffusion/cfg_digits:smoke")
    with pytest.raises(UserError, match="has no labels"):
        methods.build(config, INFO._replace(classes=()))
