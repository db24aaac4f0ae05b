import jax
import jax.numpy as jnp
import pytest

from jaxgen.core import RAW, State, UserError, choose, suggest, weights


def state(ema):
    return State(
        step=jnp.zeros((), jnp.int32),
        rng=jax.random.key(0),
        params={"g": "raw g", "d": "raw d"},
        opt={},
        ema=ema,
        stats={"g": "raw stats", "d": {}},
        frozen={"vae": "frozen"},
        memory={"pool": "memory"},
    )


AVERAGED = {"g": {"ema": {"params": "mean g", "stats": "mean stats"}, "wide": {"params": "wide g", "stats": {}}}}


def test_averages_are_used_where_a_player_keeps_them():
    chosen = weights(state(AVERAGED))
    assert chosen.params == {"g": "mean g", "d": "raw d"}
    assert chosen.stats == {"g": "mean stats", "d": {}}
    assert (chosen.frozen, chosen.memory) == ({"vae": "frozen"}, {"pool": "memory"})
    assert weights(state(AVERAGED), "wide").params["g"] == "wide g"
    assert weights(state(AVERAGED), RAW).params["g"] == "raw g"


def test_a_model_without_averages_gives_its_weights():
    assert weights(state({})).params == {"g": "raw g", "d": "raw d"}


def test_an_unknown_profile_is_named():
    with pytest.raises(UserError, match=r"no weight averages called 'wid'\. Did you mean 'wide'\?"):
        weights(state(AVERAGED), "wid")


def test_choosing_by_name():
    assert choose({"adam": 1}, "adam", "optimizer") == 1
    with pytest.raises(UserError, match=r"Unknown optimizer 'adm'\. Did you mean 'adam'\?"):
        choose({"adam": 1, "sgd": 2}, "adm", "optimizer")
    assert suggest("zzz", ["b", "a"]) == " Known: a, b."
    assert suggest("zzz", []) == ""
