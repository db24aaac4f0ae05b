"""pix2pix at the paper's size: from the parts of a building to its facade, 256 px

Paper: Isola et al. 2017, https://arxiv.org/abs/1611.07004
Parameters: 57,171,588
Command: jaxgen train translation/pix2pix_facades data.path=facades
Hardware: one accelerator
Time: not measured yet
Score: not measured yet

Data: the authors' folder facades (train, val, test; each file shows the photograph left and the parts right), or any
folder, .zip or pair of folders: see docs/data.md. 200 epochs of 400 images in batches of one; images are jittered by
mirrored shifts of up to 15 pixels, where the paper scales to 286 px and crops.
"""

from jaxgen.zoo.defaults import adversaries, base, pairs, pix2pix, smoke_translation


def get_config(arg=""):
    c = base()
    c.data.update(pairs(path="facades", target="left"))
    c.data.update(size=256, channels=3, resize="stretch", flip=True, random_crop=15)
    c.method = pix2pix()
    c.nets.generator = dict(name="unet_translator", widths=(64, 128, 256, 512, 512, 512, 512, 512), dropouts=3)
    c.nets.discriminator = dict(name="patch_critic", widths=(64, 128, 256, 512))
    c.optim = adversaries(lr=2e-4, b1=0.5)
    c.train.update(steps=80000, batch_size=1, sample_every=4000, checkpoint_every=4000, samples=12)
    if arg == "smoke":
        smoke_translation(c, dropouts=1)
    return c
