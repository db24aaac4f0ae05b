"""The training loop, checkpoints, metrics on disk, and pictures."""

from jaxgen.training import pictures, places, records
from jaxgen.training.checkpoints import Checkpoints
from jaxgen.training.loop import fit
from jaxgen.training.stop import Interrupted
from jaxgen.training.window import Diverged
from jaxgen.training.writers import Writer, read_metrics

__all__ = ["Checkpoints", "Diverged", "Interrupted", "Writer", "fit", "pictures", "places", "read_metrics", "records"]
