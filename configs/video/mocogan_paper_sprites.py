"""MoCoGAN on sprites with the paper's widths and code sizes, unconditional

Paper: Tulyakov et al. 2018, https://arxiv.org/abs/1707.04993
Parameters: 5,526,917
Command: jaxgen train video/mocogan_paper_sprites
Hardware: one accelerator
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import adversaries, base, clips, constant_ema, motion_content, smoke_sprites


def get_config(arg=""):
    c = base()
    c.data.update(clips("video", path="lpc-sprites-1800x8x64.npz"))
    c.data.update(train="all[:90%]", test="all[90%:]")
    c.method = motion_content(objective="non_saturating")
    c.nets.generator = dict(name="dcgan_generator", widths=(512, 256, 128, 64))
    c.nets.motion = dict(name="gru_motion")
    c.nets.image_critic = dict(name="dcgan_critic", widths=(64, 128, 256), norm="spectral")
    c.nets.video_critic = dict(name="video_critic", widths=(64, 128, 256), time_kernel=4)
    c.optim = adversaries(lr=2e-4, b1=0.5, ema=constant_ema(0.999))
    c.sampler = dict(frames=0, variants=4, chunk=64)
    c.train.update(steps=100000, batch_size=32, samples=8, sample_every=2000, checkpoint_every=5000)
    if arg == "smoke":
        smoke_sprites(c)
        # As the smaller config, whose programs need not be compiled again.
        c.method.update(conditional=True, objective="hinge")
    return c
