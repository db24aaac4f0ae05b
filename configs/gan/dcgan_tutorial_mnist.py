"""The small DCGAN that tutorials train on MNIST, for comparing training speed across frameworks

Paper: Radford et al. 2016, https://arxiv.org/abs/1511.06434
Parameters: 1,869,826
Command: jaxgen train gan/dcgan_tutorial_mnist
Hardware: 2 CPU cores
Time: not measured yet
Score: not measured yet

Layers: z = 100, a dense layer to 7x7x128, two 128-channel 5x5 transposed convolutions of stride 2 and a 5x5 convolution
to the image; two 128-channel 5x5 convolutions of stride 2 and a dense layer in the critic; batch 64, Adam 2e-4.
"""

from jaxgen.zoo.defaults import adversarial, adversaries, base, smoke_gan


def get_config(arg=""):
    c = base("mnist")
    c.method = adversarial(latent=100)
    c.nets.generator = dict(name="dcgan_generator", widths=(128, 128, 128), kernel=5, last_stride=1)
    c.nets.discriminator = dict(name="dcgan_critic", widths=(128, 128), kernel=5)
    c.optim = adversaries(lr=2e-4, b1=0.5)
    c.sampler = dict(interpolation=8)
    c.train.update(steps=2000, batch_size=64, sample_every=1000, checkpoint_every=1000)
    if arg == "smoke":
        smoke_gan(c, generator=(8, 4, 4))
    return c
