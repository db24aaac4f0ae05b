"""Floor 2: how good samples are. Arrays in, numbers out; each metric streams and does not depend on batch sizes."""

from jaxgen.evals.base import Metric, Moments, batches, gather, identity, measure, moments, rows, run
from jaxgen.evals.classes import Classes, Score, classes, inception_score
from jaxgen.evals.clips import Content, content, forecast_errors, persistence_errors
from jaxgen.evals.distortion import Fidelity, fidelity, luma, psnr, ssim
from jaxgen.evals.frechet import Frechet, between, frechet
from jaxgen.evals.judges import Judge, sklearn_digits_judge, sklearn_judge
from jaxgen.evals.kid import Kernel, discrepancy, kid
from jaxgen.evals.likelihood import Likelihood, bits_per_dim, likelihood
from jaxgen.evals.manifolds import Manifolds, compare, manifolds
from jaxgen.evals.neighbours import Duplicates, Neighbours, duplicates, nearest

__all__ = [
    "Classes",
    "Content",
    "Duplicates",
    "Fidelity",
    "Frechet",
    "Judge",
    "Kernel",
    "Likelihood",
    "Manifolds",
    "Metric",
    "Moments",
    "Neighbours",
    "Score",
    "batches",
    "between",
    "bits_per_dim",
    "classes",
    "compare",
    "content",
    "discrepancy",
    "duplicates",
    "fidelity",
    "forecast_errors",
    "frechet",
    "gather",
    "identity",
    "inception_score",
    "kid",
    "likelihood",
    "luma",
    "manifolds",
    "measure",
    "moments",
    "nearest",
    "persistence_errors",
    "psnr",
    "rows",
    "run",
    "sklearn_digits_judge",
    "sklearn_judge",
    "ssim",
]
