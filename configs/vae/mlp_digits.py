"""VAE with fully connected networks on 8x8 digits: the quickest start.

Paper: Kingma & Welling 2014, "Auto-Encoding Variational Bayes"
Parameters: 172,628
Command: jaxgen train vae/mlp_digits
Hardware: any; written for 2 CPU cores
Time: 25 s
Score: -ELBO 22.8 nats, importance-weighted bound 22.4 nats (355 held-out images); precision 0.772, recall 0.453
  (held-out 0.910, 0.922). `jaxgen evaluate vae/mlp_digits`, seed 0
"""

from jaxgen.zoo.defaults import mlp_vae, smoke_vae, variational


def get_config(arg=""):
    c = mlp_vae("digits", hidden=(256, 256), lr=1e-3, steps=3000)
    c.method = variational(latent=10)
    if arg == "smoke":
        smoke_vae(c, hidden=(8, 8))
    return c
