"""Named optax chains, learning-rate schedules and weight averages."""

from jaxgen.optim.chains import OPTIMIZERS, build, schedule
from jaxgen.optim.ema import averages

__all__ = ["OPTIMIZERS", "averages", "build", "schedule"]
