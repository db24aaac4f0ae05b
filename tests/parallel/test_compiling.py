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


def test_barriers_stand_on_the_cpu():
    """Without the option the sum and the turning round are one loop, and the barrier is gone."""

    def turned(x):
        return lax.optimization_barrier(x + 1.0).T

    told = jax.jit(turned, compiler_options=compiler_options()).lower(jnp.ones((8, 16))).compile()
    assert "opt-barrier" in told.as_text() or "optimization-barrier" in told.as_text()
    assert jnp.all(told(jnp.ones((8, 16))) == 2.0)


def test_accelerators_are_told_nothing(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert compiler_options() == {}


def test_a_version_that_does_not_know_the_option_is_told_nothing(monkeypatch):
    monkeypatch.setattr(compiling, "_YNN", "A_TYPE_THAT_IS_NOT_THERE_")
    assert compiler_options() == {}
