"""What builders refuse in common, and the pieces configs are written with."""

import pytest

from jaxgen.core import UserError
from jaxgen.data.info import Info
from jaxgen.zoo import checks
from jaxgen.zoo.defaults import adversarial, adversaries, base, constant_ema, few_reported_steps

TABLE = {"box": lambda channels, width=1, height=1: (channels, width, height)}


def test_a_section_names_a_builder_and_its_settings():
    section = {"name": "box", "height": 5}
    assert checks.chosen(TABLE, section, "method.shape", "Shape", channels=3) == (3, 1, 5)
    assert section == {"name": "box", "height": 5}


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"name": "bix"}, r"method\.shape\.name 'bix'.*'box'"),
        ({"name": "box", "widht": 2}, r"Shape 'box' has no setting 'widht' \(method\.shape\.widht\).*'width'"),
        ({"name": "box", "channels": 2}, r"\(method\.shape\.channels\)"),
    ],
)
def test_unknown_names_and_settings_are_refused(section, message):
    with pytest.raises(UserError, match=message):
        checks.chosen(TABLE, section, "method.shape", "Shape", channels=3)


def test_labels_are_told_where_they_are_asked_for():
    config, labelled = base(), Info("digits", (8, 8, 1), tuple("0123456789"))
    config.method = adversarial(conditional=False)
    assert checks.classes(config, labelled) == 0
    config.method.conditional = True
    assert checks.classes(config, labelled) == 10
    with pytest.raises(UserError, match=r"'digits' has no labels"):
        checks.classes(config, labelled._replace(classes=()))


def test_only_the_generator_is_averaged():
    config = base()
    config.optim = adversaries(lr=0.5, ema=constant_ema(0.9))
    checks.critic_is_not_averaged(config)
    assert config.optim.generator.lr == config.optim.discriminator.lr == 0.5
    config.optim.discriminator.ema = constant_ema(0.9)
    with pytest.raises(UserError, match=r"optim\.discriminator\.ema"):
        checks.critic_is_not_averaged(config)


def test_a_section_within_a_section_is_changed_in_part():
    penalty = adversarial(penalty={"weight": 2.0}).penalty
    assert (penalty.name, penalty.weight, penalty.every) == ("none", 2.0, 1)


def test_a_shortened_run_reports_every_step_and_saves_the_last():
    config = base("mnist")
    config.train.update(steps=500, steps_per_call=50, log_every=100)
    few_reported_steps(config, steps=3, samples=2)
    train = config.train
    assert (train.steps, train.sample_every, train.checkpoint_every) == (3, 3, 3)
    assert (train.log_every, train.steps_per_call, train.samples) == (1, 1, 2)
    assert config.data.name == "mnist"
