"""MoCoGAN on sprites (32 px, 8 frames) by action and direction, sized for two CPU cores

Liberated Pixel Cup characters walk, cast spells and slash, seen from three sides: nine classes. Characters of the last
tenth are held out.

Paper: Tulyakov et al. 2018, https://arxiv.org/abs/1707.04993
Parameters: 1,023,837
Command: jaxgen train video/mocogan_sprites
Hardware: 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from ml_collections import ConfigDict

from jaxgen.zoo.defaults import base, clips, constant_ema, motion_content, optimizer


def get_config(arg: str = "") -> ConfigDict:
    c = base()
    c.data.update(clips("video", path="lpc-sprites-1800x8x64.npz", label=(4, 5), size=32))
    c.data.update(train="all[:90%]", test="all[90%:]")
    c.method = motion_content(conditional=True)
    c.nets = ConfigDict(
        dict(
            generator=dict(name="dcgan_generator", widths=(128, 64, 32)),
            motion=dict(name="gru_motion"),
            image_critic=dict(name="dcgan_critic", widths=(32, 64, 128), norm="spectral", conditioning="projection"),
            video_critic=dict(name="video_critic", widths=(32, 64, 128), time_kernel=3),
        )
    )
    c.optim = ConfigDict(
        dict(
            generator=optimizer(lr=2e-4, b1=0.5, ema=constant_ema(0.999)),
            discriminator=optimizer(lr=2e-4, b1=0.5),
        )
    )
    c.sampler = ConfigDict(dict(frames=0, variants=4, chunk=32))
    c.train.update(steps=5000, batch_size=16, samples=9, sample_every=500, checkpoint_every=500)
    if arg == "smoke":
        c.data.update(name="moving_digits", path="", train="train", test="test", size=8, frames=3, digits=1, label=())
        c.method.update(content=4, motion=3, noise=2)
        c.nets.generator = ConfigDict(dict(name="mlp_generator", widths=(8,)))
        c.nets.image_critic = ConfigDict(dict(name="mlp_critic", widths=(8,)))
        c.nets.video_critic.update(widths=(4,), time_kernel=2, norm="none")
        c.eval.samples = 8
        c.train.update(steps=3, batch_size=8, log_every=1, sample_every=3, checkpoint_every=3, samples=2)
    return c
