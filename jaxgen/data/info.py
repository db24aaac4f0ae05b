"""What a model must know of a data set. Written beside a run, so that sampling never needs the data."""

from typing import Any, NamedTuple


class Info(NamedTuple):
    """Facts about a data set after its transforms."""

    name: str
    image: tuple[int, int, int]
    """(H, W, C) of the uint8 images the loader yields, or of the frames of its clips."""
    classes: tuple[str, ...] = ()
    """Class names in label order; empty without labels."""
    sizes: dict[str, int] = {}
    """Split -> number of examples."""
    text: int = 0
    """Bytes per caption (see `jaxgen.data.text`); 0 without captions."""
    frames: int = 0
    """Frames per clip; 0 for still images."""
    targets: dict[str, str] = {}
    """Split -> "paired" where "target" shows what "image" should become, "unpaired" where it is drawn on its own; empty
    without second images."""

    def to_dict(self) -> dict[str, Any]:
        return {**self._asdict(), "image": list(self.image), "classes": list(self.classes)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Info":
        return cls(
            data["name"],
            tuple(data["image"]),
            tuple(data["classes"]),
            dict(data["sizes"]),
            data.get("text", 0),
            data.get("frames", 0),
            dict(data.get("targets", {})),
        )
