"""What `jaxgen evaluate` reports, one file per kind of model: figures as plain data, and a table of them."""

import json
import os
from pathlib import Path
from typing import Any


def write_card(path: str | Path, result: dict[str, Any]) -> None:
    """Write a result as JSON, whole or not at all."""
    path = Path(path)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(result, indent=2) + "\n")
    draft.replace(path)
