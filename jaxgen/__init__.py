"""jaxgen: a functional model zoo for image and video generation in JAX.

    import jaxgen
    run = jaxgen.train("diffusion/ddpm_digits")
    jaxgen.show(run.sample(16))

The names below come from `jaxgen.api` and are imported when they are first used, so `import jaxgen` costs nothing.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Run", "UserError", "configs", "evaluate", "load", "sample", "show", "train"]

if TYPE_CHECKING:
    from jaxgen.api import Run, UserError, configs, evaluate, load, sample, show, train


def __getattr__(name: str) -> Any:
    if name in __all__:
        from jaxgen import api

        return getattr(api, name)
    raise AttributeError(f"module 'jaxgen' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
