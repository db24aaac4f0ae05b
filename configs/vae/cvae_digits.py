"""Conditional VAE on 8x8 digits: the label is given, the latent holds the hand.

Paper: Sohn et al. 2015, "Learning Structured Output Representation using Deep Conditional Generative Models"
Parameters: 176,208
Command: jaxgen train vae/cvae_digits
Hardware: any; written for 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import mlp_vae, smoke_vae, variational


def get_config(arg=""):
    c = mlp_vae("digits", hidden=(256, 256), lr=1e-3, steps=3000)
    c.method = variational(latent=8, conditional=True, likelihood={"name": "gaussian", "sigma": 0.3, "floor": 0.01})
    if arg == "smoke":
        smoke_vae(c, hidden=(8, 8))
    return c
