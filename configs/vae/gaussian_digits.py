"""VAE with a Gaussian likelihood of fixed width on 8x8 digits.

Paper: Kingma & Welling 2014, "Auto-Encoding Variational Bayes", appendix C.2
Parameters: 177,248
Command: jaxgen train vae/gaussian_digits
Hardware: any; written for 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import mlp_vae, smoke_vae, variational


def get_config(arg=""):
    c = mlp_vae("digits", hidden=(256, 256), lr=1e-3, steps=3000)
    c.method = variational(latent=16, likelihood={"name": "gaussian", "sigma": 0.3, "floor": 0.01})
    if arg == "smoke":
        smoke_vae(c, hidden=(8, 8))
    return c
