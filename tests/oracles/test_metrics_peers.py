"""Figures of equal features and images against torch-fidelity, torchmetrics, clean-fid, piq and scikit-image."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs requirements-oracles.txt")

from peers import agree, peer  # noqa: E402

from jaxgen import evals  # noqa: E402

pytestmark = pytest.mark.oracle
RELATIVE = 1e-4


def features(seed, n, size=32):
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(n, size)) @ np.random.default_rng(9).normal(size=(size, size)) / 4
    return np.maximum(mixed + 0.3 * seed, 0).astype(np.float32)


@pytest.fixture(scope="module")
def sets():
    return features(0, 400), features(1, 300)


def frechet(x, y):
    return evals.measure(evals.frechet(evals.measure(evals.moments(), x)), y).distance


@pytest.mark.parametrize(("reals", "samples"), [(400, 300), (20, 25)])
def test_frechet(reals, samples):
    """Also with fewer examples than features, where the covariances are singular."""
    x, y = features(0, reals), features(1, samples)
    ours = frechet(x, y)
    m, s = zip(*((v.astype(np.float64).mean(0), np.cov(v.astype(np.float64), rowvar=False)) for v in (x, y)))
    fidelity = peer("torch_fidelity.metric_fid").fid_statistics_to_metric
    theirs = {
        "torch-fidelity": fidelity(*({"mu": m[i], "sigma": s[i]} for i in (0, 1)), False)["frechet_inception_distance"],
        "clean-fid": peer("cleanfid.fid").frechet_distance(m[0], s[0], m[1], s[1]),
        "pytorch-fid": peer("pytorch_fid.fid_score").calculate_frechet_distance(m[0], s[0], m[1], s[1]),
    }
    if reals > 32:  # piq's root of a singular product is not real
        theirs["piq"] = float(peer("piq").FID()(torch.from_numpy(x).double(), torch.from_numpy(y).double()))
    tm = peer("torchmetrics.image.fid")
    tensors = [torch.from_numpy(v) for v in (*m, *s)]
    theirs["torchmetrics"] = float(tm._compute_fid(tensors[0], tensors[2], tensors[1], tensors[3]))
    for name, value in theirs.items():
        agree(f"Frechet distance, {reals} and {samples} x 32", name, ours, value, relative=RELATIVE)


def test_kernel_distance_on_equal_subsets(sets):
    x, y = sets
    module = peer("torch_fidelity.metric_kid")
    theirs = module.kid_features_to_metric(
        torch.from_numpy(y), torch.from_numpy(x), kid_subsets=7, kid_subset_size=50, rng_seed=2020, verbose=False
    )
    metric = evals.kid(x, subsets=7, subset_size=50, seed=2020, draw=evals.legacy_subsets)
    ours = evals.measure(metric, y)
    agree("KID, 7 subsets", "torch-fidelity", ours.distance, theirs["kernel_inception_distance_mean"], absolute=1e-6)
    agree("its deviation", "torch-fidelity", ours.deviation, theirs["kernel_inception_distance_std"], absolute=1e-6)
    whole = evals.discrepancy(x[:300].astype(np.float64), y.astype(np.float64))
    poly = peer("torchmetrics.image.kid").poly_mmd(torch.from_numpy(x[:300]).double(), torch.from_numpy(y).double())
    agree("KID, whole sets", "torchmetrics", whole, float(poly), absolute=1e-6)
    kernel = peer("cleanfid.fid").kernel_distance
    # clean-fid draws subsets with NumPy's global generator; one of all examples leaves nothing to chance.
    other = kernel(x[:300].astype(np.float64), y.astype(np.float64), 1, 300)
    agree("KID, whole sets", "clean-fid", whole, other, absolute=1e-6)


def test_inception_score():
    logits = 3 * np.random.default_rng(0).normal(size=(600, 20)).astype(np.float32)
    theirs = peer("torch_fidelity.metric_isc").isc_features_to_metric(torch.from_numpy(logits), 10, True, 2020)
    order = np.random.RandomState(2020).permutation(600)
    ours = evals.measure(evals.inception_score(evals.softmax, split_size=60), logits[order])
    agree("Inception Score, 10 splits", "torch-fidelity", ours.score, theirs["inception_score_mean"], relative=RELATIVE)
    agree("its deviation", "torch-fidelity", ours.deviation, theirs["inception_score_std"], relative=RELATIVE)
    score, _ = peer("piq.isc").inception_score(torch.from_numpy(logits), 10)
    ours = evals.measure(evals.inception_score(evals.softmax, split_size=60), logits)
    agree("Inception Score, 10 splits", "piq", ours.score, float(score), relative=RELATIVE)


def test_precision_and_recall(sets):
    x, y = sets
    both = peer("torch_fidelity.metric_prc").calculate_precision_recall_part(
        torch.from_numpy(y), torch.from_numpy(x), 3
    )
    ours = evals.compare(x.astype(np.float64), y.astype(np.float64), 3)
    assert 0.05 < ours.precision < 1
    # torch computes distances in float32, where a rare tie falls the other way.
    agree("precision", "torch-fidelity", ours.precision, both[0], relative=RELATIVE)
    agree("recall", "torch-fidelity", ours.recall, both[1], relative=RELATIVE)


@pytest.fixture(scope="module")
def pairs():
    """Smooth coloured images and noisy copies."""
    rng = np.random.default_rng(0)
    coarse = np.kron(rng.uniform(0, 255, (2, 24, 24, 3)), np.ones((1, 8, 8, 1)))
    return coarse.astype(np.uint8), np.clip(coarse + rng.normal(scale=25, size=coarse.shape), 0, 255).astype(np.uint8)


def tensors(pair, channels=slice(None)):
    return [torch.from_numpy(v[..., channels].astype(np.float64).transpose(0, 3, 1, 2).copy()) for v in pair]


def test_psnr_and_ssim(pairs):
    metrics, tm = peer("skimage.metrics"), peer("torchmetrics.functional.image")
    x, y = pairs
    window = dict(channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
    theirs = [metrics.peak_signal_noise_ratio(b, a, data_range=255) for a, b in zip(x, y)]
    agree("PSNR, RGB", "scikit-image", evals.psnr(x, y), theirs, relative=1e-9)
    theirs = [metrics.structural_similarity(a, b, data_range=255, **window) for a, b in zip(x, y)]
    agree("SSIM, RGB", "scikit-image", evals.ssim(x, y), theirs, relative=RELATIVE)
    # torchmetrics also counts windows that reach over the edge, into mirrored pixels: its map without those.
    _, whole = tm.structural_similarity_index_measure(
        *tensors(pairs), data_range=255.0, reduction="none", return_full_image=True
    )
    theirs = whole[..., 5:-5, 5:-5].mean((1, 2, 3))
    agree("SSIM, RGB, windows inside", "torchmetrics", evals.ssim(x, y), theirs, relative=RELATIVE)
    theirs = tm.peak_signal_noise_ratio(*tensors(pairs), data_range=255.0, reduction="none", dim=(1, 2, 3))
    agree("PSNR, RGB", "torchmetrics", evals.psnr(x, y), theirs, relative=1e-6)
    # Luma with a border, as super-resolution reports it, on scikit-image's own BT.601 luma.
    luma = [peer("skimage.color").rgb2ycbcr(v)[:, 4:-4, 4:-4, 0] for v in pairs]
    theirs = [metrics.peak_signal_noise_ratio(b, a, data_range=255) for a, b in zip(*luma)]
    agree("PSNR, Y, border 4", "scikit-image", evals.psnr(x, y, border=4, y_only=True), theirs, relative=1e-6)
    theirs = [
        metrics.structural_similarity(a, b, data_range=255, **window | {"channel_axis": None}) for a, b in zip(*luma)
    ]
    agree("SSIM, Y, border 4", "scikit-image", evals.ssim(x, y, border=4, y_only=True), theirs, relative=RELATIVE)


def test_ms_ssim(pairs):
    x, y = pairs
    theirs = peer("pytorch_msssim").ms_ssim(*tensors(pairs), data_range=255, size_average=False)
    agree("MS-SSIM, RGB", "pytorch-msssim", evals.ms_ssim(x, y), theirs, relative=RELATIVE)
    tm = peer("torchmetrics.functional.image").multiscale_structural_similarity_index_measure
    for channel in range(3):
        one = slice(channel, channel + 1)
        theirs = tm(*tensors(pairs, one), data_range=255.0, reduction="none")
        agree(
            "MS-SSIM, one channel", "torchmetrics", evals.ms_ssim(x[..., one], y[..., one]), theirs, relative=RELATIVE
        )
