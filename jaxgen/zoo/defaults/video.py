"""Sections and smoke forms of video configs."""

from typing import Any

from ml_collections import ConfigDict

from jaxgen.zoo.defaults.common import few_reported_steps, section


def clips(name: str, **changes: Any) -> dict[str, Any]:
    """What the `data` section of video adds, for `c.data.update(clips(...))`; see `docs/data.md`."""
    keys = dict(
        name=name,  # "video" (clips, recordings or folders at data.path), "moving_mnist", "moving_digits"
        frames=0,  # frames of a clip; 0: as stored
        hop=1,  # frames between the starts of two clips cut from one recording
        label=(),  # columns of a table of labels that make the class
        digits=2,  # of "moving_*"; clips of one digit have its class as label
    )
    return keys | changes


def prediction(**changes: Any) -> ConfigDict:
    """The `method` section of a video predictor; see `jaxgen.methods.predictor`."""
    return section(
        changes,
        name="predictor",
        context=10,  # frames shown
        future=10,  # frames forecast; data.frames is the sum
        loss="mse",  # mse, l1_mse, bce
    )


def forecasts(**changes: Any) -> ConfigDict:
    """The `eval` section of a video predictor."""
    return section(
        changes,
        samples=1000,  # held-out clips that are forecast, at most
        scale=255.0,  # errors are those of (uint8 value) / scale
        step=1,  # of the time axis, per frame
        unit="frames",
        pairs=(),  # leads at which persistence is also taken over all pairs of frames of the held-out recordings
    )


def motion_content(**changes: Any) -> ConfigDict:
    """The `method` section of a MoCoGAN; see `jaxgen.methods.mocogan`."""
    return section(
        changes,
        name="mocogan",
        objective="hinge",  # minimax, non_saturating, least_squares, wasserstein, hinge
        content=50,  # dimensions of the content code,
        motion=10,  # of the motion codes,
        noise=10,  # and of the noise that drives them
        conditional=False,  # generate by class
        categories=0,  # or by categories found without labels
        information=1.0,  # weight of the bound that makes them visible
    )


def smoke_prediction(config: ConfigDict, **predictor: Any) -> None:
    """Shrink a video predictor, in place, to two of four frames of digits and these settings of its network."""
    _few_moving_digits(config, size=12, frames=4)
    config.method.update(context=2, future=2)
    config.nets.predictor.update(predictor)
    config.eval.pairs = ()
    config.optim.warmup = 0


def smoke_motion_content(config: ConfigDict) -> None:
    """Shrink a MoCoGAN, in place, to three frames of one digit; its image networks are left to the config."""
    _few_moving_digits(config, size=8, frames=3, digits=1)
    config.method.update(content=4, motion=3, noise=2)
    config.nets.video_critic.update(widths=(4,), time_kernel=2)


def smoke_sprites(config: ConfigDict) -> None:
    """`smoke_motion_content` with fully connected image networks, which compile sooner."""
    smoke_motion_content(config)
    config.nets.generator = dict(name="mlp_generator", widths=(8,))
    config.nets.image_critic = dict(name="mlp_critic", widths=(8,))
    config.nets.video_critic.norm = "none"


def _few_moving_digits(config: ConfigDict, **data: Any) -> None:
    config.data.update(name="moving_digits", path="", train="train", test="test", flip=False, label=(), **data)
    config.eval.samples = 8
    few_reported_steps(config, steps=3, samples=2)
