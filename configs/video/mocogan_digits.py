"""MoCoGAN on one of scikit-learn's digits moving in 16 px, with four motion categories found without labels

Paper: Tulyakov et al. 2018, https://arxiv.org/abs/1707.04993; Chen et al. 2016 (InfoGAN) for the categories
Parameters: 143,271
Command: jaxgen train video/mocogan_digits
Hardware: any; written for 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from ml_collections import ConfigDict

from jaxgen.zoo.defaults import base, clips, constant_ema, motion_content, optimizer


def get_config(arg: str = "") -> ConfigDict:
    c = base()
    c.data.update(clips("moving_digits", size=16, frames=8, digits=1))
    c.method = motion_content(content=24, motion=8, noise=8, categories=4, information=0.1)
    c.nets = ConfigDict(
        dict(
            generator=dict(name="dcgan_generator", widths=(64, 32)),
            motion=dict(name="gru_motion"),
            image_critic=dict(name="dcgan_critic", widths=(16, 32), norm="spectral"),
            video_critic=dict(name="video_critic", widths=(16, 32), time_kernel=4),
        )
    )
    c.optim = ConfigDict(
        dict(
            generator=optimizer(lr=2e-4, b1=0.5, ema=constant_ema(0.999)),
            discriminator=optimizer(lr=2e-4, b1=0.5),
        )
    )
    c.sampler = ConfigDict(dict(frames=0, variants=4, chunk=32))
    c.train.update(steps=8000, batch_size=32, samples=8, sample_every=1000, checkpoint_every=1000)
    if arg == "smoke":
        c.data.update(size=8, frames=3)
        c.method.update(content=4, motion=3, noise=2, categories=2)
        c.nets.generator.widths = (4,)
        c.nets.image_critic.widths = (4,)
        c.nets.video_critic.update(widths=(4,), time_kernel=2)
        c.eval.samples = 8
        c.train.update(steps=3, batch_size=8, log_every=1, sample_every=3, checkpoint_every=3, samples=2)
    return c
