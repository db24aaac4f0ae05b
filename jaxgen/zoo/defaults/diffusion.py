"""Sections, runs and smoke forms of configs of diffusion and flow matching."""

from typing import Any

from ml_collections import ConfigDict

from jaxgen.zoo.defaults.common import base, constant_ema, few_steps, optimizer, section


def denoising(process: str, prediction: str, **changes: Any) -> ConfigDict:
    """The `method` section of diffusion and flow matching; `process` may get settings of its own afterwards."""
    return section(
        changes,
        name="diffusion",
        process=dict(name=process),
        prediction=prediction,
        weighting=prediction,  # simple, min_snr, or the prediction in which squared errors count
        gamma=5.0,  # of min_snr
        conditional=False,
        drop=0.1,  # labels dropped in training, for guidance
    )


def denoising_sampler(**changes: Any) -> ConfigDict:
    """The `sampler` section of diffusion and flow matching; see `jaxgen.samplers.settings`."""
    return section(
        changes,
        name="ddim",  # ddpm, ddim, euler, heun, dpmpp_2m
        steps=50,
        grid="trailing",  # uniform, leading, trailing, karras, logsnr
        rho=7.0,
        eta=0.0,  # of ddim
        variance="small",  # of ddpm: small or large
        guidance=1.0,  # classifier-free guidance scale
        interval=(0.0, 1.0),  # times between which guidance acts
        clip="none",  # none, static, dynamic
        quantile=0.995,  # of dynamic clipping
        probes=1,  # draws of the divergence in `log_prob`
    )


def denoising_digits(*, width: int, layers: int, lr: float, steps: int) -> ConfigDict:
    """A run with a fully connected denoiser on 8 x 8 digits; `method` and `sampler` are left to say."""
    c = base("digits")
    c.net = dict(name="mlp_denoiser", width=width, layers=layers)
    c.optim = optimizer(lr=lr, schedule="cosine", warmup=200, ema=constant_ema(0.999))
    c.train.update(steps=steps, batch_size=128, log_every=100, sample_every=2000, checkpoint_every=2000)
    c.train.steps_per_call = 20
    return c


def smoke_denoising(config: ConfigDict, **net: Any) -> None:
    """Shrink a denoiser, in place, with these settings of its network."""
    config.net.update(net)
    config.optim.warmup = 2
    config.sampler.steps = 3
    few_steps(config)


def smoke_denoising_digits(config: ConfigDict) -> None:
    """Shrink a run of `denoising_digits`, in place."""
    smoke_denoising(config, width=8, layers=1)
    config.train.log_every = 1
