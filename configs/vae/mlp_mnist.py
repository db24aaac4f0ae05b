"""VAE on dynamically binarised MNIST.

Paper: Kingma & Welling 2014, "Auto-Encoding Variational Bayes"
Parameters: 1,346,864
Command: jaxgen train vae/mlp_mnist
Hardware: any; written for 2 CPU cores
Time: 37 minutes beside two to four other jobs (16 minutes of CPU time)
Score: -ELBO 92.2 nats, importance-weighted bound with K = 100 88.5 nats, on the 10,000 test images, dynamically
  binarised. `jaxgen evaluate vae/mlp_mnist`, seed 0
"""

from jaxgen.zoo.defaults import mlp_vae, smoke_vae, variational


def get_config(arg=""):
    c = mlp_vae("mnist", hidden=(500, 500), lr=1e-3, steps=25000)
    c.method = variational(latent=40)
    c.train.update(batch_size=128, log_every=500, sample_every=5000, checkpoint_every=5000)
    if arg == "smoke":
        c.data.name = "digits"
        smoke_vae(c, hidden=(8, 8))
    return c
