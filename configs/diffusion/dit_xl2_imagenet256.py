"""DiT-XL/2 on the latents of 256x256 photographs, at the paper's size.

The autoencoder is the one of latent diffusion with 8x8 pixels per latent (`AutoencoderKL`, 4 channels), read from a
local .safetensors file with diffusers' names. The paper also learns the sampler's variances; here they are fixed. Its
400,000 steps are those of the paper's comparison; the best figure took 7 million. `jaxgen plan` says what fits where.

Paper: Peebles & Xie 2023, Scalable Diffusion Models with Transformers
Parameters: 674,816,272
Command: jaxgen train diffusion/dit_xl2_imagenet256 frozen.autoencoder=file:kl-f8.safetensors
Hardware: a pod slice; with mesh.fsdp=8 chips of 16 GB suffice
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import base, constant_ema, denoising, denoising_sampler, optimizer, smoke_denoising


def get_config(arg=""):
    c = base("imagenet2012")
    c.data.update(size=256, channels=3, flip=True, workers=32, test="validation")
    c.method = denoising("linear", "eps", conditional=True, latents=dict(scale=0.18215))
    c.net = dict(name="dit", width=1152, depth=28, heads=16, patch=2, scan=True, remat="dots", dtype="bfloat16")
    c.nets.autoencoder = dict(name="kl_autoencoder", latent=4, widths=(128, 256, 512, 512), blocks=2, dtype="bfloat16")
    c.frozen = dict(autoencoder="file:kl-f8.safetensors")
    c.optim = optimizer(name="adamw", lr=1e-4, weight_decay=0.0, ema=constant_ema(0.9999))
    c.sampler = denoising_sampler(name="ddpm", steps=250, grid="uniform", guidance=1.5)
    c.train.update(steps=400000, batch_size=256, log_every=100, sample_every=10000, checkpoint_every=5000, samples=16)
    c.eval.samples = 50000
    if arg == "smoke":
        c.data.update(name="shapes", size=8, flip=False, workers=0, test="test")
        c.nets.autoencoder.update(latent=2, widths=(4, 4), blocks=1, dtype="float32")
        c.frozen.autoencoder = "random:0"
        smoke_denoising(c, width=8, depth=2, heads=2, dtype="float32")
    return c
