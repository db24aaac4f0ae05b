"""CycleGAN at the paper's size: horses and zebras, 256 px

Paper: Zhu et al. 2017, https://arxiv.org/abs/1703.10593
Parameters: 28,273,544
Command: jaxgen train translation/cyclegan_horse2zebra
Hardware: one accelerator
Time: not measured yet
Score: not measured yet

Data: `tfds build cycle_gan/horse2zebra --file_format=array_record`, or the authors' folder with trainA, trainB, testA
and testB by `data.name=unpaired data.path=horse2zebra`. 200 epochs of 1,334 images in batches of one; images are
jittered by mirrored shifts of up to 15 pixels, where the paper scales to 286 px and crops.
"""

from jaxgen.zoo.defaults import adversaries, base, cyclegan, pairs, smoke_translation


def get_config(arg=""):
    c = base()
    c.data.update(pairs(name="cycle_gan/horse2zebra"))
    c.data.update(size=256, channels=3, flip=True, random_crop=15)
    c.method = cyclegan()
    c.nets.generator = dict(name="residual_translator", widths=(64, 128, 256), blocks=9, padding="reflect")
    c.nets.discriminator = dict(name="patch_critic", widths=(64, 128, 256, 512))
    c.optim = adversaries(lr=2e-4, b1=0.5, schedule="late_linear")
    c.train.update(steps=266800, batch_size=1, sample_every=5000, checkpoint_every=5000, samples=8)
    if arg == "smoke":
        smoke_translation(c, widths=(4,), blocks=1)
    return c
