"""MoCoGAN on one of scikit-learn's digits moving in 16 px, with four motion categories found without labels

Paper: Tulyakov et al. 2018, https://arxiv.org/abs/1707.04993; Chen et al. 2016 (InfoGAN) for the categories
Parameters: 143,271
Command: jaxgen train video/mocogan_digits
Hardware: any; written for 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import adversaries, base, clips, constant_ema, motion_content, smoke_motion_content


def get_config(arg=""):
    c = base()
    c.data.update(clips("moving_digits", size=16, frames=8, digits=1))
    c.method = motion_content(content=24, motion=8, noise=8, categories=4, information=0.1)
    c.nets.generator = dict(name="dcgan_generator", widths=(64, 32))
    c.nets.motion = dict(name="gru_motion")
    c.nets.image_critic = dict(name="dcgan_critic", widths=(16, 32), norm="spectral")
    c.nets.video_critic = dict(name="video_critic", widths=(16, 32), time_kernel=4)
    c.optim = adversaries(lr=2e-4, b1=0.5, ema=constant_ema(0.999))
    c.sampler = dict(frames=0, variants=4, chunk=32)
    c.train.update(steps=8000, batch_size=32, samples=8, sample_every=1000, checkpoint_every=1000)
    if arg == "smoke":
        smoke_motion_content(c)
        c.method.categories = 2
        c.nets.generator.widths = c.nets.image_critic.widths = (4,)
    return c
