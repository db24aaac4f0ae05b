"""What config files are written with: sections with the values most runs use, the runs that families of configs share,
and their smoke forms. A config file changes what differs; one module per family, all names here."""

from jaxgen.zoo.defaults.autoregressive import autoregression, autoregression_sampler, smoke_autoregression
from jaxgen.zoo.defaults.classifier import classification, cnn_classifier, smoke_classifier
from jaxgen.zoo.defaults.common import base, constant_ema, few_reported_steps, few_steps, optimizer
from jaxgen.zoo.defaults.diffusion import (
    denoising,
    denoising_digits,
    denoising_sampler,
    smoke_denoising,
    smoke_denoising_digits,
)
from jaxgen.zoo.defaults.fields import (
    WITHIN_THREE_PIXELS,
    ising,
    random_field,
    random_field_sampler,
    smoke_random_field,
)
from jaxgen.zoo.defaults.flow import exact_likelihood, flow_on_digits, flow_sampler, smoke_flow
from jaxgen.zoo.defaults.gan import adversarial, adversaries, smoke_gan
from jaxgen.zoo.defaults.mixture import expectation_maximization, mixing, smoke_mixture
from jaxgen.zoo.defaults.restore import (
    kodak_restoration,
    photographs,
    restoration,
    restoration_sampler,
    smoke_restoration,
)
from jaxgen.zoo.defaults.style import feed_forward_style, optimised_style, smoke_style, style_pairs, style_sampler
from jaxgen.zoo.defaults.translation import cyclegan, pairs, pix2pix, sketched, smoke_translation
from jaxgen.zoo.defaults.vae import mlp_vae, smoke_vae, variational, variational_sampler
from jaxgen.zoo.defaults.video import (
    clips,
    forecasts,
    motion_content,
    prediction,
    smoke_motion_content,
    smoke_prediction,
    smoke_sprites,
)

__all__ = [
    "WITHIN_THREE_PIXELS",
    "adversarial",
    "adversaries",
    "autoregression",
    "autoregression_sampler",
    "base",
    "classification",
    "clips",
    "cnn_classifier",
    "constant_ema",
    "cyclegan",
    "denoising",
    "denoising_digits",
    "denoising_sampler",
    "exact_likelihood",
    "expectation_maximization",
    "feed_forward_style",
    "few_reported_steps",
    "few_steps",
    "flow_on_digits",
    "flow_sampler",
    "forecasts",
    "ising",
    "kodak_restoration",
    "mixing",
    "mlp_vae",
    "motion_content",
    "optimised_style",
    "optimizer",
    "pairs",
    "photographs",
    "pix2pix",
    "prediction",
    "random_field",
    "random_field_sampler",
    "restoration",
    "restoration_sampler",
    "sketched",
    "smoke_autoregression",
    "smoke_classifier",
    "smoke_denoising",
    "smoke_denoising_digits",
    "smoke_flow",
    "smoke_gan",
    "smoke_mixture",
    "smoke_motion_content",
    "smoke_prediction",
    "smoke_random_field",
    "smoke_restoration",
    "smoke_sprites",
    "smoke_style",
    "smoke_translation",
    "smoke_vae",
    "style_pairs",
    "style_sampler",
    "variational",
    "variational_sampler",
]
