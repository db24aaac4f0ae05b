"""VAE with a discretized logistic likelihood on 8x8 digits, with free bits and a KL warm-up.

Paper: Kingma et al. 2016, "Improving Variational Inference with Inverse Autoregressive Flow"
Parameters: 193,696
Command: jaxgen train vae/logistic_digits
Hardware: any; written for 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import mlp_vae, smoke_vae, variational


def get_config(arg=""):
    c = mlp_vae("digits", hidden=(256, 256), lr=1e-3, steps=3000)
    likelihood = {"name": "discretized_logistic", "floor": -7.0}
    c.method = variational(latent=16, free_bits=0.05, warmup=500, likelihood=likelihood)
    if arg == "smoke":
        smoke_vae(c, hidden=(8, 8))
    return c
