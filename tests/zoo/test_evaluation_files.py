"""What an evaluation keeps and reads: parts of samples, reference statistics, anybody's folders, cards side by side."""

import json

import numpy as np
import pytest
from PIL import Image

from jaxgen import evals
from jaxgen.core import UserError
from jaxgen.zoo import encoders, folders, references, store
from jaxgen.zoo.cards import compare, entries, inception, pieces
from jaxgen.zoo.protocols import PROTOCOLS


def pixels(seed, count=40, side=6, channels=1):
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, channels), np.uint8)


def by_halves(x):
    """A stand-in for a network: means of the rows as features, shares of three bands as probabilities."""
    x = x.reshape(len(x), -1, 3).astype(np.float64) + 1
    p = x.sum(1)
    return {
        "features": x.mean(1),
        "probabilities": p / p.sum(1, keepdims=True),
        "spatial": x[:, :2].reshape(len(x), -1),
    }


ENCODER = encoders.Encoder("halves", "ab" * 32, by_halves)
TWO = PROTOCOLS["adm"]._replace(splits=2), PROTOCOLS["torch-fidelity"]._replace(splits=2, subsets=3, subset_size=10)


@pytest.fixture(autouse=True)
def _shelf(tmp_path, monkeypatch):
    monkeypatch.setenv("JAXGEN_REFERENCES", str(tmp_path / "references"))


def test_a_stream_is_drawn_once_and_goes_on_where_it_stopped(tmp_path):
    place, drawn, all_of = store.open(tmp_path, {"seed": 0}), [], pixels(0)

    def draw(start, stop):
        if len(drawn) == 2:
            raise KeyboardInterrupt
        drawn.append((start, stop))
        return all_of[start:stop]

    with pytest.raises(KeyboardInterrupt):
        list(store.stream(place, 40, draw, {"halves": by_halves}, size=16))
    assert drawn == [(0, 16), (16, 32)]
    (place.folder / "images-00000000-00000016.npz").write_bytes(b"cut off")
    drawn.clear()
    found = list(
        store.stream(place, 40, lambda a, b: drawn.append((a, b)) or all_of[a:b], {"halves": by_halves}, size=16)
    )
    assert drawn == [(0, 16), (32, 40)]
    np.testing.assert_array_equal(np.concatenate([piece["images"] for piece in found]), all_of)
    np.testing.assert_array_equal(np.concatenate([p["features"] for p in found]), by_halves(all_of)["features"])
    (few,) = store.stream(place, 9, None, {"halves": by_halves}, size=16)
    np.testing.assert_array_equal(few["images"], all_of[:9])
    assert len(few["features"]) == 9
    assert store.open(tmp_path, {"seed": 0}) == place
    assert store.open(tmp_path, {"seed": 1}) != place
    assert not [path for path in place.folder.iterdir() if "part" in path.name]


def test_among_picks_by_index_and_stops_reading():
    read = []

    def stream():
        for start in range(0, 40, 8):
            read.append(start)
            yield {"images": pixels(0)[start : start + 8], "features": np.arange(start, start + 8)}

    wanted = np.array([1, 7, 8, 17])
    found = np.concatenate([piece["features"] for piece in pieces.among(stream(), wanted)])
    np.testing.assert_array_equal(found, wanted)
    assert read == [0, 8, 16]


def test_large_images_are_reduced_to_means_of_blocks():
    x = np.kron(pixels(0, 2, 20), np.ones((1, 2, 2, 1), np.uint8))
    np.testing.assert_array_equal(pieces.reduced(x), pixels(0, 2, 20))
    assert pieces.reduced(pixels(0, 1, 32)).shape == (1, 32, 32, 1)


def batches(x):
    return lambda: (part for (part,) in evals.batches(16, x))


def test_reference_statistics_are_computed_once_and_checked():
    x, calls = pixels(0), []
    counting = ENCODER._replace(encode=lambda v: calls.append(len(v)) or by_halves(v))
    first = references.get(batches(x), counting, "set train")
    again = references.get(batches(x), counting, "set train")
    assert sum(calls) == 40
    whole = evals.measure(evals.moments(), by_halves(x)["features"])
    np.testing.assert_allclose(again.moments.covariance, whole.covariance, rtol=1e-12)
    assert first.manifest == again.manifest
    assert first.manifest["examples"] == 40
    assert len(first.features) == 40
    other = references.get(batches(pixels(1)), counting, "set train")
    assert other.manifest["file"] != first.manifest["file"]
    file = references.folder() / first.manifest["file"]
    manifest = json.loads(file.with_suffix(".json").read_text())
    assert {"images_sha256", "weights_sha256", "file_sha256", "protocol"} <= manifest.keys()
    with np.load(file) as held:
        arrays = dict(held)
    np.savez(file, **{**arrays, "mean": arrays["mean"] + 1})
    with pytest.raises(UserError, match="not what its manifest says"):
        references.get(batches(x), counting, "set train")
    file.write_bytes(b"no archive")
    with pytest.raises(UserError, match="damaged"):
        references.read(file)
    with pytest.raises(UserError, match="no images"):
        references.get(batches(x[:0]), counting, "empty")
    with pytest.raises(UserError, match="no reference statistics"):
        references.read("nowhere.npz")


@pytest.mark.parametrize("protocol", TWO, ids=lambda p: p.name)
def test_figures_of_a_protocol(protocol, tmp_path):
    x, y, test = pixels(0), pixels(1) // 2, pixels(2)
    encoder = ENCODER._replace(protocol=protocol, published=True)
    reference, reals = references.get(batches(x), encoder, "a"), references.get(batches(test), encoder, "b")
    samples = [{"images": part, **by_halves(part)} for part in batches(y)()]
    found = inception.figures(samples, reals, reference, encoder)
    real, made = by_halves(x), by_halves(y)
    expected = evals.measure(evals.frechet(evals.measure(evals.moments(), real["features"])), made["features"]).distance
    assert found["samples"]["FID"] == pytest.approx(expected, rel=1e-9)
    low, high = found["intervals"]["FID"]
    assert low < expected < high
    assert found["reals"]["FID"] < expected
    assert any("50000 samples, this one of 40" in warning for warning in found["warnings"])
    assert 0 <= found["samples"]["precision"] <= 1
    assert set(found["samples"]) >= {"adm": {"sFID"}, "torch-fidelity": {"KID"}}[protocol.name]
    text = inception.table(found)
    assert "FID" in text
    assert reference.manifest["file_sha256"][:12] in text
    json.dumps(found)
    flat = entries.entries({"inception": found})
    assert {"FID", "IS"} <= {entry["metric"] for entry in flat}
    assert flat[0]["reference"]["examples"] == 40
    with pytest.raises(UserError, match="figure of protocol"):
        inception.figures(samples, None, reference, encoder, ["psnr"])
    # Published statistics serve for the distance alone.
    np.savez(tmp_path / "stats.npz", mu=reference.moments.mean, sigma=reference.moments.covariance)
    stats = references.read(tmp_path / "stats.npz")
    alone = inception.figures(samples, None, stats, encoder, ["fid"])
    assert alone["samples"]["FID"] == pytest.approx(expected, rel=1e-9)
    with pytest.raises(UserError, match="holds no"):
        inception.figures(samples, None, stats, encoder, ["pr"])
    np.savez(tmp_path / "bad.npz", mu=np.zeros(3), sigma=np.zeros((2, 2)))
    with pytest.raises(UserError, match="do not fit together"):
        references.read(tmp_path / "bad.npz")


def folder_of(path, x):
    path.mkdir()
    for index, image in enumerate(x):
        Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(path / f"{index:03d}.png")
    return path


def test_folders_and_arrays_are_read_whole_and_in_order(tmp_path):
    x = pixels(0, 5, channels=3)
    np.savez(tmp_path / "x.npz", arr_0=x)
    for place in (folder_of(tmp_path / "x", x), tmp_path / "x.npz"):
        found = folders.read(place)
        assert (found.total, found.shape) == (5, (6, 6, 3))
        np.testing.assert_array_equal(np.concatenate(list(found.batches())), x)


def test_folders_that_cannot_be_measured_are_refused(tmp_path):
    mixed = folder_of(tmp_path / "mixed", pixels(0, 3))
    Image.fromarray(pixels(0, 1, 9)[0, ..., 0]).save(mixed / "odd.png")
    broken = folder_of(tmp_path / "broken", pixels(0, 3))
    (broken / "zzz.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    short = folder_of(tmp_path / "short", pixels(0, 3, 30))
    data = (short / "001.png").read_bytes()
    (short / "001.png").write_bytes(data[: len(data) // 2])
    deep = folder_of(tmp_path / "deep", pixels(0, 1))
    Image.fromarray(np.full((6, 6), 40000, np.uint16)).save(deep / "000.png")
    (tmp_path / "empty").mkdir()
    np.savez(tmp_path / "floats.npz", images=pixels(0) / 255.0)
    np.savez(tmp_path / "named.npz", pictures=pixels(0))
    for name, words in {
        "mixed": "odd.png is 9x9",
        "broken": "zzz.png cannot be read",
        "short": "001.png cannot be decoded",
        "deep": "more than 8 bits",
        "empty": "holds no images",
        "floats.npz": "uint8",
        "named.npz": "images or arr_0",
        "nowhere": "no folder or file",
    }.items():
        with pytest.raises(UserError, match=words):
            list(folders.read(tmp_path / name).batches())


def card(run, value, sha="aa", **more):
    entry = dict(metric="FD-cnn", protocol="judge", value=value, interval=[value - 1, value + 1], n=40, held_out=1.0)
    return {
        "run": run,
        "nfe": 50,
        "metrics": [entry | {"reference": {"sha256": sha, "name": "t", "examples": 9}}],
        **more,
    }


def test_cards_side_by_side(tmp_path):
    place = store.open(tmp_path / "evaluation", {})
    list(store.stream(place, 12, lambda a, b: pixels(0, b - a), {}))
    cards = [card("runs/a", 5.25, samples=str(place.folder)), card("runs/b", 7.5)]
    text = compare.table(cards)
    assert "5.25 +- 1" in text
    assert "7.5 +- 1" in text
    assert "do not compare" not in text
    assert "do not compare" in compare.table([cards[0], card("runs/c", 1.0, sha="bb")])
    picture = compare.picture(cards)
    assert picture.shape == (20, 6, 6, 1)
    np.testing.assert_array_equal(picture[:10], pixels(0, 12)[:10])
    assert (picture[10:] == 255).all()
    assert compare.draw(cards, tmp_path / "out" / "c.png")
    assert Image.open(tmp_path / "out" / "c.png").size[0] > 100
    assert compare.picture(cards[1:]) is None
    (tmp_path / "card.json").write_text(json.dumps(cards[0]))
    assert compare.read(tmp_path) == cards[0]
    (tmp_path / "card.json").write_text("{}")
    with pytest.raises(UserError, match="no card"):
        compare.read(tmp_path)
    with pytest.raises(UserError, match="jaxgen evaluate"):
        compare.read(tmp_path / "evaluation")
