"""Finding, overriding and comparing configs."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ml_collections import ConfigDict

from jaxgen.core import UserError
from jaxgen.zoo import configs
from jaxgen.zoo.defaults import base

CONFIG_FILE = '''"""A title.

Paper: Someone 2020, "Things",
  a journal.
Score: 3.5 nats
"""
from jaxgen.zoo.defaults import base

def get_config(arg=""):
    config = base()
    config.train.steps = 2 if arg == "smoke" else 100
    return config
'''


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(CONFIG_FILE)
    return str(path)


def test_every_config_has_the_facts_the_zoo_shows():
    for name in configs.names():
        facts = configs.facts(name)
        for key in ("title", "paper", "command", "hardware", "time", "score"):
            assert facts.get(key), f"{name}: its docstring has no {key}"
        assert f"jaxgen train {name}" in facts["command"], name


def test_a_file_of_ones_own_with_an_argument_and_overrides(own):
    assert configs.load(own).train.steps == 100
    config = configs.load(f"{own}:smoke", ["optim.lr=1e-4", "data.flip=true", "optim.name=adamw", "train.keep=7"])
    assert (config.train.steps, config.optim.lr, config.data.flip) == (2, 1e-4, True)
    assert (config.optim.name, config.train.keep) == ("adamw", 7)


def test_facts_join_continued_lines(own):
    facts = configs.facts(own)
    assert facts["title"] == "A title"
    assert facts["paper"] == 'Someone 2020, "Things", a journal.'
    assert facts["score"] == "3.5 nats"


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("optim.lrr=1", "optim.lr"),
        ("optm.lr=1", "optim"),
        ("train.steps=many", "whole number"),
        ("train.steps=1.5", "whole number"),
        ("train.steps=true", "whole number"),
        ("data.flip=3", "true or false"),
        ("optim.lr=fast", "a number"),
        ("optim=adam", "is a section"),
        ("optim.lr.x=1", "not a section"),
        ("optim.lr", "key=value"),
    ],
)
def test_bad_overrides_say_what_is_wrong(own, override, says):
    with pytest.raises(UserError, match=says):
        configs.load(own, [override])


@pytest.mark.parametrize("name", ["diffusion/ddpm_digit", "no/such.py", "ddpm"])
def test_unknown_configs(name):
    with pytest.raises(UserError, match=r"Unknown config|no config file"):
        configs.load(name)


def test_nearest_config_is_named():
    with pytest.raises(UserError, match="diffusion/ddpm_digits"):
        configs.load("diffusion/dpm_digits")


@given(st.integers(0, 10**9), st.floats(1e-12, 1e12), st.booleans(), st.text("abc/._-", max_size=12))
@settings(max_examples=30, deadline=None)
def test_overrides_round_trip(steps, lr, flip, text):
    """Any value written as text is read back as itself, and survives JSON."""
    config = base()
    configs.override(config, [f"train.steps={steps}", f"optim.lr={lr!r}", f"data.flip={flip}", f"data.path={text}"])
    assert (config.train.steps, config.optim.lr, config.data.flip, config.data.path) == (steps, lr, flip, text)
    assert configs.differences(configs.from_json(configs.to_json(config)), config) == {}


def test_differences_name_the_keys():
    a, b = base(), base()
    b.optim.lr = 0.5
    b.net = ConfigDict({"width": (1, 2)})
    assert configs.differences(a, b) == {"optim.lr": (1e-3, 0.5), "net.width": (None, (1, 2))}
