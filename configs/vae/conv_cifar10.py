"""VAE with a discretized logistic likelihood on 32x32 colour images, at paper size.

Paper: Kingma et al. 2016, "Improving Variational Inference with Inverse Autoregressive Flow" (likelihood, free bits)
Parameters: 30,313,606
Command: jaxgen train vae/conv_cifar10
Hardware: one accelerator with 16 GB or more
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import base, constant_ema, optimizer, smoke_vae, variational, variational_sampler


def get_config(arg=""):
    c = base("cifar10")
    c.data.flip = True
    likelihood = {"name": "discretized_logistic", "floor": -7.0}
    c.method = variational(latent=256, free_bits=0.02, warmup=5000, likelihood=likelihood)
    for side in ("encoder", "decoder"):
        c.nets[side] = dict(name=f"vae_conv_{side}", channels=(128, 256, 256), blocks=3, stem=1, hidden=0)
    c.optim = optimizer(name="adamax", lr=1e-3, schedule="cosine", warmup=500, clip=200.0, ema=constant_ema(0.9995))
    c.sampler = variational_sampler()
    c.train.update(steps=200000, batch_size=128, log_every=100, sample_every=5000, checkpoint_every=5000)
    if arg == "smoke":
        c.data.update(name="shapes", size=16)
        smoke_vae(c, channels=(4, 8), blocks=1, hidden=8)
    return c
