"""Before any peer is imported."""

import torchvision_beside  # noqa: F401
