"""MoCoGAN on sprites (32 px, 8 frames) by action and direction, sized for two CPU cores

Liberated Pixel Cup characters walk, cast spells and slash, seen from three sides: nine classes. Characters of the last
tenth are held out.

Paper: Tulyakov et al. 2018, https://arxiv.org/abs/1707.04993
Parameters: 1,023,837
Command: jaxgen train video/mocogan_sprites
Hardware: 2 CPU cores
Time: 105 minutes beside other jobs, 40 minutes of CPU time (Intel Xeon 2.5 GHz)
Score: content distance within a clip 0.60 of that between clips (held-out clips: 0.20)
"""

from jaxgen.zoo.defaults import adversaries, base, clips, constant_ema, motion_content, smoke_sprites


def get_config(arg=""):
    c = base()
    c.data.update(clips("video", path="lpc-sprites-1800x8x64.npz", label=(4, 5), size=32))
    c.data.update(train="all[:90%]", test="all[90%:]")
    c.method = motion_content(conditional=True)
    c.nets.generator = dict(name="dcgan_generator", widths=(128, 64, 32))
    c.nets.motion = dict(name="gru_motion")
    c.nets.image_critic = dict(name="dcgan_critic", widths=(32, 64, 128), norm="spectral", conditioning="projection")
    c.nets.video_critic = dict(name="video_critic", widths=(32, 64, 128), time_kernel=3)
    c.optim = adversaries(lr=2e-4, b1=0.5, ema=constant_ema(0.999))
    c.sampler = dict(frames=0, variants=4, chunk=32)
    c.train.update(steps=5000, batch_size=16, samples=9, sample_every=500, checkpoint_every=500)
    if arg == "smoke":
        smoke_sprites(c)
    return c
