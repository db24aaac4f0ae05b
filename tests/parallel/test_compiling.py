"""What the compiler is told, and that it listens."""

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from jaxgen.parallel import compiler_options, compiling


@pytest.fixture(autouse=True)
def fresh():
    compiling.compiler_options.cache_clear()
    yield
    compiling.compiler_options.cache_clear()


def test_convolutions_are_left_to_xla_on_the_cpu():
    def convolve(x, w):
        return lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))

    x, w = jnp.ones((2, 8, 8, 16)), jnp.ones((3, 3, 16, 16))
    assert compiler_options()
    told = jax.jit(convolve, compiler_options=compiler_options()).lower(x, w).compile().as_text()
    assert "convolution(" in told
    assert "ynn" not in told


def test_accelerators_are_told_nothing(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert compiler_options() == {}


def test_a_version_that_does_not_know_the_option_is_told_nothing(monkeypatch):
    monkeypatch.setattr(compiling, "_YNN", "A_TYPE_THAT_IS_NOT_THERE_")
    assert compiler_options() == {}
