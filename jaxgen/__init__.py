"""jaxgen: a functional model zoo for image and video generation in JAX."""

__version__ = "0.1.0"
