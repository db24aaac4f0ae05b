"""beta-VAE on 8x8 digits: a heavier KL term, fewer latents in use; look at `jaxgen run traverse`.

Paper: Higgins et al. 2017, "beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework"
Parameters: 172,628
Command: jaxgen train vae/beta_digits
Hardware: any; written for 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import mlp_vae, smoke_vae, variational


def get_config(arg=""):
    c = mlp_vae("digits", hidden=(256, 256), lr=1e-3, steps=3000)
    c.method = variational(latent=10, beta=4.0, warmup=500)
    if arg == "smoke":
        smoke_vae(c, hidden=(8, 8))
    return c
