"""Importance-weighted autoencoder on dynamically binarised MNIST: 5 samples in the training bound.

Paper: Burda et al. 2016, "Importance Weighted Autoencoders"
Parameters: 425,284
Command: jaxgen train vae/iwae_mnist
Hardware: any; written for 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import mlp_vae, smoke_vae, variational


def get_config(arg=""):
    c = mlp_vae("mnist", hidden=(200, 200), lr=1e-3, steps=40000)
    c.method = variational(latent=50, samples=5)
    c.train.update(batch_size=128, sample_every=5000, checkpoint_every=5000)
    if arg == "smoke":
        c.data.name = "digits"
        smoke_vae(c, hidden=(8, 8))
    return c
