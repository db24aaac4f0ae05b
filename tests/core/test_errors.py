"""What a person is told about names and settings that do not exist."""

import pytest

from jaxgen.core import UserError, choose, settle


def test_settings_lie_over_their_defaults():
    defaults = {"steps": 10, "grid": "linear"}
    assert settle(defaults, {"steps": 3}, "sampler") == {"steps": 3, "grid": "linear"}
    assert settle(defaults, None, "sampler") == defaults
    assert defaults["steps"] == 10


def test_unknown_names_are_told_with_the_nearest_known_one():
    with pytest.raises(UserError, match=r"Unknown config key 'sampler\.stepps'\. Did you mean 'steps'\?"):
        settle({"steps": 10}, {"stepps": 3}, "sampler")
    with pytest.raises(UserError, match=r"Unknown colour 'x'\. Known: blue, red\."):
        choose({"red": 1, "blue": 2}, "x", "colour")
