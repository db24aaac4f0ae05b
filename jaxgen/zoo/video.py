"""Configs of video models as `Method`s.

Predictor: `method` see `jaxgen.zoo.defaults.prediction`; nets.predictor. MoCoGAN: `method` see
`jaxgen.zoo.defaults.motion_content`; nets.generator, nets.motion, nets.image_critic, nets.video_critic;
optim.generator, optim.discriminator; sampler.frames, sampler.variants.
"""

from ml_collections import ConfigDict

from jaxgen import optim
from jaxgen.core import Method, UserError, choose
from jaxgen.methods import mocogan as two_critics
from jaxgen.methods import predictor as forecasting
from jaxgen.objectives import adversarial
from jaxgen.zoo import checks, nets


def _check_clips(info) -> None:
    if not info.frames:
        raise UserError(
            f"A video model needs clips, but the data set {info.name!r} holds single images; set data.name to video, "
            "moving_mnist or moving_digits."
        )


def predictor(config: ConfigDict, info, axis: str | None = None) -> Method:
    """The predictor of a config.

    Raises:
      UserError: the data set holds no clips of context + future frames, or unknown settings.
    """
    method = config.method
    _check_clips(info)
    if method.context + method.future != info.frames:
        raise UserError(
            f"The clips of {info.name!r} have {info.frames} frames, but method.context {method.context} and "
            f"method.future {method.future} need {method.context + method.future}; set data.frames to that."
        )
    loss = choose(forecasting.LOSSES, method.loss, "method.loss")
    implied = dict(image_shape=tuple(info.image), future=method.future, logits=loss.logits, axis_name=axis)
    return forecasting.predictor(
        nets.build(config.nets.predictor, "nets.predictor", **implied),
        optim.build(config.optim, config.train.steps),
        image_shape=tuple(info.image),
        context=method.context,
        future=method.future,
        loss=method.loss,
        averages=optim.averages(config.optim.ema),
        micro=config.train.micro,
        axis=axis,
    )


def mocogan(config: ConfigDict, info, axis: str | None = None) -> Method:
    """The MoCoGAN of a config.

    Raises:
      UserError: the data set holds no clips, or no labels for a conditional model; unknown settings.
    """
    method, steps = config.method, config.train.steps
    _check_clips(info)
    if method.conditional and not info.classes:
        raise UserError(
            f"method.conditional is true but the clips of {info.name!r} have no labels; set it to false, or name "
            "columns of the labels in data.label."
        )
    checks.critic_is_not_averaged(config)
    classes = len(info.classes) if method.conditional else 0
    implied = dict(image_shape=tuple(info.image), axis_name=axis)
    told = classes or method.categories
    return two_critics.mocogan(
        nets.build(config.nets.generator, "nets.generator", classes=told, **implied),
        nets.build(config.nets.motion, "nets.motion", classes=told, **implied),
        nets.build(config.nets.image_critic, "nets.image_critic", classes=classes, **implied),
        nets.build(
            config.nets.video_critic, "nets.video_critic", classes=classes, categories=method.categories, **implied
        ),
        image_shape=tuple(info.image),
        length=info.frames,
        generator_tx=optim.build(config.optim.generator, steps),
        critic_tx=optim.build(config.optim.discriminator, steps),
        objective=choose(adversarial.OBJECTIVES, method.objective, "method.objective"),
        sizes=two_critics.Sizes(method.content, method.motion, method.noise),
        classes=classes,
        categories=method.categories,
        information=method.information,
        averages=optim.averages(config.optim.generator.ema),
        sample_frames=config.sampler.frames,
        variants=config.sampler.variants,
        micro=config.train.micro,
        axis=axis,
    )
