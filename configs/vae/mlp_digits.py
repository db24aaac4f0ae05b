"""VAE with fully connected networks on 8x8 digits: the quickest start.

Paper: Kingma & Welling 2014, "Auto-Encoding Variational Bayes"
Parameters: 172,628
Command: jaxgen train vae/mlp_digits
Hardware: any; written for 2 CPU cores
Time: 25 s
Score: -ELBO 22.8 nats, importance-weighted bound 22.4 nats (355 held-out images); precision 0.772, recall 0.453
  (held-out 0.910, 0.922). `jaxgen evaluate vae/mlp_digits`, seed 0
"""

from jaxgen.zoo.defaults import base, constant_ema, optimizer, variational, variational_sampler


def get_config(arg=""):
    c = base()
    c.data.name = "digits"
    c.method = variational(latent=10)
    c.nets.encoder = dict(name="vae_mlp_encoder", hidden=(256, 256))
    c.nets.decoder = dict(name="vae_mlp_decoder", hidden=(256, 256))
    c.optim = optimizer(lr=1e-3, schedule="cosine", ema=constant_ema(0.999))
    c.sampler = variational_sampler()
    c.train.update(steps=3000, batch_size=64, log_every=100, sample_every=1000, checkpoint_every=1000)
    c.train.steps_per_call = 50
    if arg == "smoke":
        c.method.latent = 4
        c.nets.encoder.hidden = c.nets.decoder.hidden = (8, 8)
        c.sampler.update(steps=3, rows=2, importance=4, chunk=2)
        c.train.update(steps=4, batch_size=8, log_every=1, sample_every=4, checkpoint_every=4, samples=4)
        c.train.steps_per_call = 1
    return c
