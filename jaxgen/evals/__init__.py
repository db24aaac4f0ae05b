"""Floor 2: how good samples are. Arrays in, numbers out; each metric streams and does not depend on batch sizes."""

from jaxgen.evals import bootstrap
from jaxgen.evals.base import Metric, Moments, batches, gather, identity, measure, moments, rows, run
from jaxgen.evals.bootstrap import Interval, interval
from jaxgen.evals.classes import Classes, Score, classes, inception_score, softmax
from jaxgen.evals.clips import Content, content, forecast_errors, fvd, persistence_errors
from jaxgen.evals.distortion import Fidelity, fidelity, luma, ms_ssim, psnr, ssim
from jaxgen.evals.frechet import Frechet, between, frechet
from jaxgen.evals.judges import Judge, mark, sklearn_digits_judge, sklearn_judge
from jaxgen.evals.kid import Kernel, contributions, discrepancy, kid, legacy_subsets, random_subsets
from jaxgen.evals.likelihood import Likelihood, bits_per_dim, likelihood
from jaxgen.evals.manifolds import Manifolds, Members, compare, manifolds, members
from jaxgen.evals.memorisation import Birthday, Ranks, birthday, smaller
from jaxgen.evals.neighbours import Duplicates, Neighbours, duplicates, nearest
from jaxgen.evals.perceptual import Perceptual, lpips

__all__ = [
    "Birthday",
    "Classes",
    "Content",
    "Duplicates",
    "Fidelity",
    "Frechet",
    "Interval",
    "Judge",
    "Kernel",
    "Likelihood",
    "Manifolds",
    "Members",
    "Metric",
    "Moments",
    "Neighbours",
    "Perceptual",
    "Ranks",
    "Score",
    "batches",
    "between",
    "birthday",
    "bits_per_dim",
    "bootstrap",
    "classes",
    "compare",
    "content",
    "contributions",
    "discrepancy",
    "duplicates",
    "fidelity",
    "forecast_errors",
    "frechet",
    "fvd",
    "gather",
    "identity",
    "inception_score",
    "interval",
    "kid",
    "legacy_subsets",
    "likelihood",
    "lpips",
    "luma",
    "manifolds",
    "mark",
    "measure",
    "members",
    "moments",
    "ms_ssim",
    "nearest",
    "persistence_errors",
    "psnr",
    "random_subsets",
    "rows",
    "run",
    "sklearn_digits_judge",
    "sklearn_judge",
    "smaller",
    "softmax",
    "ssim",
]
