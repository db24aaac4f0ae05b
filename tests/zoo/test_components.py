"""The sentences about a mixture's components that the floor keeps regular."""

import numpy as np
import pytest

from jaxgen.zoo.cards import mixture as cards

LINE = np.ones((3, 3)) + 0.01 * np.eye(3)
POINT = 0.01 * np.eye(3)
ROUND = np.eye(3)
SLOPED = np.eye(3) + 0.2 * np.ones((3, 3))


def params(*covariances):
    return {"weights": np.full(len(covariances), 1 / len(covariances)), "covariances": np.stack(covariances)}


@pytest.mark.parametrize(
    ("covariances", "says"),
    [
        ((SLOPED, SLOPED), ["no covariance is singular without method.floor = 0.01"]),
        ((SLOPED, LINE), ["singular but for method.floor = 0.01 on the diagonal: component 1"]),
        (
            (POINT, SLOPED, LINE, LINE, ROUND),
            [
                "singular but for method.floor = 0.01 on the diagonal: components 0, 2-3",
                "without any spread but method.floor = 0.01: component 0",
                "singular in float32 in spite of method.floor = 0.01, so made diagonal: component 4",
            ],
        ),
    ],
)
def test_singular_components_are_named_and_the_floor_stated(covariances, says):
    assert cards.table(cards.judge_components("full", params(*covariances), 0.01)).splitlines() == says


def test_the_one_covariance_of_a_tied_mixture_is_called_that():
    one = {"weights": np.array([0.5, 0.5]), "covariances": LINE}
    assert cards.table(cards.judge_components("tied", one, 0.01)).endswith("the tied covariance")


def test_components_without_examples_are_left_out():
    some = params(SLOPED, POINT) | {"weights": np.array([1.0, 0.0])}
    assert cards.judge_components("full", some, 0.01)["singular"] == []
