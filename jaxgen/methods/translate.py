"""Image-to-image translation: CycleGAN from two sets of images, pix2pix from pairs.

a are images of the first kind ("image"), b of the second ("target"), |.| is the mean absolute difference, L and g are
the critic's and the generator's half of an adversarial objective (`jaxgen.objectives.adversarial`).

CycleGAN (Zhu et al. 2017, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", eqs. 1-3
and section 5.2), translators G: a -> b and F: b -> a, critics D_A and D_B:
    (1)  L_generator = w_adv [ g(D_B(G(a))) + g(D_A(F(b))) ]
                     + w_cyc [ |F(G(a)) - a| + |G(F(b)) - b| ] + w_id [ |G(b) - b| + |F(a) - a| ]
    (2)  L_critic = L(D_B(b), D_B(P_B(G(a)))) + L(D_A(a), D_A(P_A(F(b))))
with pools P of earlier translations (`jaxgen.ops.pool`). The paper's least-squares game has (D - 1)^2 for g, which is
w_adv = 2 here, and half of the critic's squares, as here.

pix2pix (Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial Networks", eqs. 1-4), generator
G(a, z) with noise z, critic D of pairs:
    (3)  L_generator = g(D(a, G(a, z))) + w_rec |b - G(a, z)|
    (4)  L_critic = L(D(a, b), D(a, G(a, z)))
The paper halves (4), which Adam does not notice.

In one step the translators move first, by (1) or (3); the critics then see what these made before they moved.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxgen.core import (
    Aux,
    Averages,
    Method,
    Spec,
    State,
    Task,
    Turn,
    UserError,
    move,
    replicas,
    split_each,
    start,
    trees,
)
from jaxgen.nets.roles import Net
from jaxgen.objectives.adversarial import (
    Objective,
    critic_loss,
    generator_loss,
    least_squares,
    non_saturating,
    per_example,
)
from jaxgen.ops import pool as pools
from jaxgen.ops.images import to_float

G, D = "generator", "discriminator"
FORWARD, BACKWARD = "forward", "backward"
"""CycleGAN's translators a -> b and b -> a, below the player `G`."""
SOURCE, TARGET = "source", "target"
"""Its critics of a and of b, below the player `D`, and its pools of translations taken for a and for b."""


class CycleWeights(NamedTuple):
    """The weights of eq. (1)."""

    adversarial: float = 2.0
    cycle: float = 10.0
    identity: float = 5.0


PAPER = CycleWeights()


def distance(x: jax.Array, y: jax.Array) -> jax.Array:
    """Mean absolute difference of [B, ...] and [B, ...] -> [B]."""
    return jnp.mean(jnp.abs(x - y), axis=tuple(range(1, x.ndim)))


def pix2pix(
    generator: Net,
    critic: Net,
    *,
    image_shape: tuple[int, int, int],
    generator_tx: optax.GradientTransformation,
    critic_tx: optax.GradientTransformation,
    objective: Objective = non_saturating,
    reconstruction: float = 100.0,
    averages: Averages | None = None,
    micro: int = 1,
    axis: str | None = None,
) -> Method:
    """pix2pix with players "generator" and "discriminator"; batches hold "image" and its "target".

    Args:
      generator: a `Translator`: (images, {"noise": keys [B]}) -> images in [-1, 1].
      critic: a `Critic` of (images, {"image": what they are translations of}).
      image_shape: (H, W, C) of both.
      reconstruction: w_rec of eq. (3).
      averages: weight averages of the generator, which the tasks use.

    Metrics: generator/{loss, distance, fake, grad_norm}, discriminator/{loss, real, fake, grad_norm}; real
    and fake are mean logits, distance is |b - G(a, z)|.
    """

    def init(rng, batch):
        g_rng, d_rng = jax.random.split(rng)
        a, b = (to_float(batch[name][:1]) for name in ("image", "target"))
        noise = jax.random.split(jax.random.key(0), 1)
        return {G: generator.init(g_rng, a, {"noise": noise}), D: critic.init(d_rng, b, {"image": a})}

    def generator_turn(params, state, batch, keys):
        """Eq. (3)."""
        noise, critic_keys = split_each(keys, 2)
        a, b = to_float(batch["image"]), to_float(batch["target"])
        fake, stats = generator.apply(params, state.stats[G], a, {"noise": noise}, train=True)
        logits, _ = _judge(critic, state.params[D], {"image": a})(state.stats[D], fake, critic_keys)
        apart = distance(b, fake)
        values = generator_loss(objective, logits) + reconstruction * apart
        return values, Aux({"distance": apart, "fake": per_example(logits)}, stats, outputs={TARGET: fake})

    def critic_turn(params, state, batch, keys):
        """Eq. (4)."""
        a, b = to_float(batch["image"]), to_float(batch["target"])
        judge = _judge(critic, params, {"image": a})
        values, metrics, stats = _examine(objective, judge, state.stats[D], b, batch["fakes"][TARGET], keys)
        return values, Aux(metrics, stats)

    def translate(weights, keys, inputs):
        x = generator.apply(weights.params[G], weights.stats[G], inputs["image"], {"noise": keys})[0]
        return {"image": x}

    image = {"image": Spec("image", image_shape)}
    return _game(
        init,
        Turn(G, generator_turn, generator_tx, averages, micro=micro),
        Turn(D, critic_turn, critic_tx, micro=micro),
        {"translate": Task(translate, image, image)},
        axis=axis,
    )


def cyclegan(
    generator: Net,
    critic: Net,
    *,
    image_shape: tuple[int, int, int],
    generator_tx: optax.GradientTransformation,
    critic_tx: optax.GradientTransformation,
    objective: Objective = least_squares,
    weights: CycleWeights = PAPER,
    pool: int = 50,
    averages: Averages | None = None,
    micro: int = 1,
    axis: str | None = None,
) -> Method:
    """CycleGAN with players "generator" (both translators) and "discriminator" (both critics).

    Batches hold "image" and "target"; which of them stand side by side has no meaning.

    Args:
      generator: a `Translator`: (images, {}) -> images in [-1, 1]; used with two sets of weights.
      critic: a `Critic` of (images, {}); likewise.
      image_shape: (H, W, C) of both kinds of images.
      pool: earlier translations kept for each critic; 0 shows it the latest alone.
      averages: weight averages of the translators, which the tasks use.

    Metrics: generator/{loss, cycle, identity, fake, grad_norm}, discriminator/{loss, real, fake, grad_norm}:
    sums of (1) and (2), means over both kinds elsewhere.

    Raises:
      UserError: a pool of negative size.
    """
    if pool < 0:
        raise UserError(f"method.pool is {pool}; it should be 0 (no pool) or the number of images to keep.")

    model = _Cycle(generator, critic, objective, weights)
    return _game(
        partial(_cycle_init, model),
        Turn(G, partial(_translators_turn, model), generator_tx, averages, micro=micro),
        Turn(D, partial(_critics_turn, model), critic_tx, micro=micro),
        _cycle_tasks(generator, image_shape),
        pool=pool,
        image_shape=image_shape,
        axis=axis,
    )


class _Cycle(NamedTuple):
    """What CycleGAN's turns share."""

    generator: Net
    critic: Net
    objective: Objective
    weights: CycleWeights


def _cycle_init(model: _Cycle, rng, batch):
    rngs = jax.random.split(rng, 4)
    a, b = (to_float(batch[name][:1]) for name in ("image", "target"))
    nets = {FORWARD: model.generator.init(rngs[0], a, {}), BACKWARD: model.generator.init(rngs[1], b, {})}
    critics = {SOURCE: model.critic.init(rngs[2], a, {}), TARGET: model.critic.init(rngs[3], b, {})}
    return {player: _columns(found) for player, found in ((G, nets), (D, critics))}


def _translators_turn(model: _Cycle, params, state: State, batch, keys):
    """Eq. (1)."""
    a, b = to_float(batch["image"]), to_float(batch["target"])
    stats = dict(state.stats[G])
    dropout, critic_keys = split_each(keys, 2)

    def go(way, x):
        x, stats[way] = model.generator.apply(params[way], stats[way], x, {}, train=True, rng=dropout[0])
        return x

    def fooled(kind, x):
        logits, _ = _judge(model.critic, state.params[D][kind], {})(state.stats[D][kind], x, critic_keys)
        return generator_loss(model.objective, logits), per_example(logits)

    fake_b, fake_a = go(FORWARD, a), go(BACKWARD, b)
    (loss_b, logit_b), (loss_a, logit_a) = fooled(TARGET, fake_b), fooled(SOURCE, fake_a)
    cycle = distance(go(BACKWARD, fake_b), a) + distance(go(FORWARD, fake_a), b)
    values = model.weights.adversarial * (loss_b + loss_a) + model.weights.cycle * cycle
    metrics = {"cycle": cycle / 2, "fake": (logit_a + logit_b) / 2}
    if model.weights.identity:
        same = distance(go(FORWARD, b), b) + distance(go(BACKWARD, a), a)
        values = values + model.weights.identity * same
        metrics["identity"] = same / 2
    return values, Aux(metrics, stats, outputs={SOURCE: fake_a, TARGET: fake_b})


def _critics_turn(model: _Cycle, params, state: State, batch, keys):
    """Eq. (2)."""
    stats, total, means = {}, 0.0, []
    for kind, name in ((SOURCE, "image"), (TARGET, "target")):
        real, fake = to_float(batch[name]), batch["fakes"][kind]
        judge = _judge(model.critic, params[kind], {})
        values, metrics, stats[kind] = _examine(model.objective, judge, state.stats[D][kind], real, fake, keys)
        total = total + values
        means.append(metrics)
    return total, Aux(jax.tree.map(lambda x, y: (x + y) / 2, *means), stats)


def _cycle_tasks(generator: Net, image_shape) -> dict[str, Task]:
    """translate: a -> b. translate_back: b, the input "target", -> a. reconstruct: a -> b -> a."""

    def path(name, *ways):
        def fn(weights, keys, inputs):
            x = inputs[name]
            for way in ways:
                x, _ = generator.apply(weights.params[G][way], weights.stats[G][way], x, {})
            return {"image": x}

        spec = Spec("image", image_shape)
        return Task(fn, {name: spec}, {"image": spec})

    return {
        "translate": path("image", FORWARD),
        "translate_back": path("target", BACKWARD),
        "reconstruct": path("image", FORWARD, BACKWARD),
    }


def _columns(found: dict[str, tuple[Any, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """name -> (params, stats) as (name -> params, name -> stats)."""
    return {name: params for name, (params, _) in found.items()}, {name: stats for name, (_, stats) in found.items()}


def _judge(critic: Net, params, cond):
    """(stats, images, keys) -> (logits, stats) in training mode."""

    def judge(stats, x, keys):
        (logits, _), stats = critic.apply(params, stats, x, cond, train=True, rng=keys[0])
        return logits, stats

    return judge


def _examine(objective: Objective, judge, stats, real, fake, keys):
    """A critic's loss [B], its metrics and its new statistics."""
    real_keys, fake_keys = split_each(keys, 2)
    on_real, stats = judge(stats, real, real_keys)
    on_fake, stats = judge(stats, fake, fake_keys)
    metrics = {"real": per_example(on_real), "fake": per_example(on_fake)}
    return critic_loss(objective, on_real, on_fake), metrics, stats


def _game(
    init: Callable[[jax.Array, dict[str, Any]], dict[str, tuple[Any, Any]]],
    generator: Turn,
    critic: Turn,
    tasks: dict[str, Task],
    *,
    pool: int = 0,
    image_shape: tuple[int, int, int] = (0, 0, 0),
    axis: str | None,
) -> Method:
    """The generator's turn, whose outputs pass the pools and become `batch["fakes"]` of the critic's turn."""

    def first(rng, batch, frozen):
        state_rng, init_rng = jax.random.split(rng)
        memory = {kind: pools.empty(pool, image_shape) for kind in (SOURCE, TARGET)} if pool else {}
        return start(state_rng, init(init_rng, batch), [generator, critic], frozen, memory)

    def step(state, batch):
        g_rng, d_rng, pool_rng = jax.random.split(jax.random.fold_in(state.rng, state.step), 3)
        state, made, fakes = move(generator, state, batch, g_rng, axis)
        if pool:
            memory, fakes = _remember(state.memory, fakes, pool_rng, axis)
            state = state.replace(memory=memory)
        state, more, _ = move(critic, state, {**batch, "fakes": fakes}, d_rng, axis)
        return state.replace(step=state.step + 1), made | more

    return Method(first, step, tasks)


def _remember(memory, fakes, rng: jax.Array, axis: str | None):
    """The pools after images of the whole batch entered, and this replica's part of what they returned.

    Pools are the same on every replica: all see the gathered images, in the order of the global batch.
    """
    here = trees.leading(fakes)
    after, returned = dict(memory), {}
    for index, (kind, images) in enumerate(sorted(replicas.gather(fakes, axis).items())):
        keys = replicas.keys(jax.random.fold_in(rng, index), len(images), None)
        after[kind], shown = pools.exchange(memory[kind], images, keys)
        if axis is not None:
            shown = jax.lax.dynamic_slice_in_dim(shown, jax.lax.axis_index(axis) * here, here)
        returned[kind] = shown
    return after, returned
