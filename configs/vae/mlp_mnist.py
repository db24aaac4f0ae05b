"""VAE on dynamically binarised MNIST.

Paper: Kingma & Welling 2014, "Auto-Encoding Variational Bayes"
Parameters: 1,346,864
Command: jaxgen train vae/mlp_mnist
Hardware: any; written for 2 CPU cores
Time: 37 minutes beside two to four other jobs (16 minutes of CPU time)
Score: -ELBO 92.2 nats, importance-weighted bound with K = 100 88.5 nats, on the 10,000 test images, dynamically
  binarised. `jaxgen evaluate vae/mlp_mnist`, seed 0
"""

from jaxgen.zoo.defaults import base, constant_ema, optimizer, variational, variational_sampler


def get_config(arg=""):
    c = base()
    c.data.name = "mnist"
    c.method = variational(latent=40)
    c.nets.encoder = dict(name="vae_mlp_encoder", hidden=(500, 500))
    c.nets.decoder = dict(name="vae_mlp_decoder", hidden=(500, 500))
    c.optim = optimizer(lr=1e-3, schedule="cosine", ema=constant_ema(0.999))
    c.sampler = variational_sampler()
    c.train.update(steps=25000, batch_size=128, log_every=500, sample_every=5000, checkpoint_every=5000)
    c.train.steps_per_call = 50
    if arg == "smoke":
        c.data.name = "digits"
        c.method.latent = 4
        c.nets.encoder.hidden = c.nets.decoder.hidden = (8, 8)
        c.sampler.update(steps=3, rows=2, importance=4, chunk=2)
        c.train.update(steps=4, batch_size=8, log_every=1, sample_every=4, checkpoint_every=4, samples=4)
        c.train.steps_per_call = 1
    return c
