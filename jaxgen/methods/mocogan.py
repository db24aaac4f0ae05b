"""MoCoGAN (Tulyakov et al. 2018, "MoCoGAN: Decomposing Motion and Content for Video Generation", section 3).

A clip of T frames from one content code and a path of motion codes:
    (1)  z_C ~ N(0, I),   m_0 ~ N(0, I),   e_t ~ N(0, I),   m_t = R(e_t, m_{t-1}),   t = 1 ... T       (R a GRU)
    (2)  v = (G(z_C, m_1), ..., G(z_C, m_T))                                       G an image generator
Two critics, one of a random frame S_1(v), one of the whole clip; with l(., .) a two-player objective of
`objectives.adversarial`, each step moves
    (3)  D_I, D_V <- descend [ l(D_I(S_1(v)), D_I(S_1(v~))) + l(D_V(v), D_V(v~)) ]     over a fresh v~
    (4)  G, R     <- descend [ l_G(D_I(S_1(v~))) + l_G(D_V(v~)) ]                      over another
with spectral normalisation in the critics instead of the paper's noise. A conditional model gives label a to G, R and
both critics. With categories instead, a ~ U{1 ... K} goes to G and R alone, and both moves add the InfoGAN bound on the
mutual information of a and v~ (ibid., eq. 6; Chen et al. 2016), Q being an output of D_V:
    (5)  - lambda log Q(a | v~)
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxgen.core import Aux, Averages, Method, Spec, State, Task, Turn, UserError, alternate, each, split_each
from jaxgen.nets.roles import Net
from jaxgen.objectives.adversarial import Objective, critic_loss, generator_loss, non_saturating, per_example
from jaxgen.ops.clips import clips, frames, pick
from jaxgen.ops.images import to_float

G, D = "generator", "discriminator"


class Sizes(NamedTuple):
    """Dimensions of the three Gaussians of eq. (1)."""

    content: int = 50
    motion: int = 10
    noise: int = 10


SIZES = Sizes()


class _Model(NamedTuple):
    """What turns and tasks share."""

    generator: Net
    motion: Net
    image_critic: Net
    video_critic: Net
    objective: Objective
    sizes: Sizes
    length: int
    classes: int
    categories: int
    information: float

    @property
    def kinds(self) -> int:
        """Labels or categories that G and R are told."""
        return self.classes or self.categories


def mocogan(
    generator: Net,
    motion: Net,
    image_critic: Net,
    video_critic: Net,
    *,
    image_shape: tuple[int, int, int],
    length: int,
    generator_tx: optax.GradientTransformation,
    critic_tx: optax.GradientTransformation,
    objective: Objective = non_saturating,
    sizes: Sizes = SIZES,
    classes: int = 0,
    categories: int = 0,
    information: float = 1.0,
    averages: Averages | None = None,
    sample_frames: int = 0,
    variants: int = 4,
    micro: int = 1,
    axis: str | None = None,
) -> Method:
    """A MoCoGAN with players "generator" {"frames", "motion"} and "discriminator" {"image", "video"}.

    Args:
      generator: a `Generator` of single frames from [z_C, m_t].
      motion: a `Motion`.
      image_critic, video_critic: `Critic`s, of images and of clips [B, T, H, W, C]. With `categories` the last feature
        of the video critic is the logits [B, categories] of Q.
      length: T, the frames of a clip in batch["video"].
      classes: labels of the batch all networks are conditioned on; or
      categories: K of eq. (5), with the weight `information`. At most one of both.
      averages: weight averages of the generator, which the tasks use.
      sample_frames: frames of the clips that the tasks draw; 0: T. The GRU goes on for as long as asked.
      variants: clips side by side in the task "recombine".

    Metrics: discriminator/{loss, image_real, image_fake, video_real, video_fake, grad_norm} (mean logits) and
    generator/{loss, image_fake, video_fake, grad_norm}; with categories also the term (5) unweighted, "information".

    Raises:
      UserError: a size below its minimum, or both classes and categories.
    """
    _check(sizes, variants, sample_frames, classes, categories)
    nets = (generator, motion, image_critic, video_critic)
    model = _Model(*nets, objective, sizes, length, classes, categories, information)
    turns = [
        Turn(D, partial(_critic_turn, model), critic_tx, micro=micro),
        Turn(G, partial(_generator_turn, model), generator_tx, averages, micro=micro),
    ]
    tasks = _tasks(model, image_shape, sample_frames or length, variants)
    return alternate(partial(_init, model), turns, tasks, axis=axis)


def _check(sizes: Sizes, variants: int, sample_frames: int, classes: int, categories: int) -> None:
    for name, value, least in (
        *((f"method.{field}", number, 1) for field, number in sizes._asdict().items()),
        ("sampler.variants", variants, 2),
        ("sampler.frames", sample_frames, 0),
        ("method.categories", categories, 0),
    ):
        if value < least:
            raise UserError(f"{name} is {value}; it should be at least {least}.")
    if classes and categories:
        raise UserError("A conditional model has its labels for categories: set method.categories to 0.")


def _init(model: _Model, rng, batch, frozen):
    rngs, sizes = jax.random.split(rng, 4), model.sizes
    video = to_float(batch["video"][:1])
    labels = jnp.zeros((1,), jnp.int32)
    to_makers, to_critics = _cond(labels, model.kinds), _cond(labels, model.classes)
    code, noise = jnp.zeros((1, sizes.content + sizes.motion)), jnp.zeros((1, model.length, sizes.noise))
    made = {
        "frames": model.generator.init(rngs[0], code, to_makers),
        "motion": model.motion.init(rngs[1], noise, jnp.zeros((1, sizes.motion)), to_makers),
    }
    critics = {
        "image": model.image_critic.init(rngs[2], video[:, 0], to_critics),
        "video": model.video_critic.init(rngs[3], video, to_critics),
    }
    return {G: _unzip(made), D: _unzip(critics)}


def _critic_turn(model: _Model, params, state: State, batch, keys):
    """Eq. (3) and (5)."""
    label_keys, code_keys, real_keys, fake_keys, dropout_keys = split_each(keys, 5)
    labels, rng = _labels(model, batch, label_keys), dropout_keys[0]
    mode = dict(train=True, rng=rng)
    fake, _ = imagine(model, state.params[G], state.stats[G], code_keys, labels, model.length, **mode)
    real, _, stats = _judge(model, params, state.stats[D], to_float(batch["video"]), labels, real_keys, rng)
    made, guess, stats = _judge(model, params, stats, jax.lax.stop_gradient(fake), labels, fake_keys, rng)
    values = sum(critic_loss(model.objective, real[name], made[name]) for name in real)
    metrics = {f"{name}_real": per_example(logits) for name, logits in real.items()}
    metrics |= {f"{name}_fake": per_example(logits) for name, logits in made.items()}
    return _informed(model, values, metrics, guess, labels, stats)


def _generator_turn(model: _Model, params, state: State, batch, keys):
    """Eq. (4) and (5)."""
    label_keys, code_keys, frame_keys, dropout_keys = split_each(keys, 4)
    labels, rng = _labels(model, batch, label_keys), dropout_keys[0]
    fake, stats = imagine(model, params, state.stats[G], code_keys, labels, model.length, train=True, rng=rng)
    made, guess, _ = _judge(model, state.params[D], state.stats[D], fake, labels, frame_keys, rng)
    values = sum(generator_loss(model.objective, logits) for logits in made.values())
    metrics = {f"{name}_fake": per_example(logits) for name, logits in made.items()}
    return _informed(model, values, metrics, guess, labels, stats)


def _labels(model: _Model, batch, keys):
    """Labels [B] that G and R are told: categories drawn, the classes of the batch, or None."""
    if model.categories:
        return _whole_numbers(keys, model.categories)
    return batch.get("label") if model.classes else None


def _judge(model: _Model, params, stats, video, labels, frame_keys, rng):
    """Logits of both critics {"image", "video"}, the logits of Q or None, and the critics' new statistics."""
    frame, mode = pick(video, _whole_numbers(frame_keys, model.length)), dict(train=True, rng=rng)
    cond = _cond(labels, model.classes)
    (image, _), one = model.image_critic.apply(params["image"], stats["image"], frame, cond, **mode)
    (whole, seen), two = model.video_critic.apply(params["video"], stats["video"], video, cond, **mode)
    return {"image": image, "video": whole}, seen[-1] if model.categories else None, {"image": one, "video": two}


def _informed(model: _Model, values, metrics, guess, labels, stats):
    """A turn's loss with the bound (5), where there are categories to guess."""
    if guess is None:
        return values, Aux(metrics, stats=stats)
    unknown = optax.softmax_cross_entropy_with_integer_labels(guess, labels)
    return values + model.information * unknown, Aux({**metrics, "information": unknown}, stats=stats)


def _unzip(made):
    """{name: (params, stats)} -> ({name: params}, {name: stats})"""
    return tuple({name: pair[i] for name, pair in made.items()} for i in range(2))


def _cond(labels, kinds: int) -> dict[str, jax.Array]:
    """What a network hears that knows `kinds` of labels: G and R know classes or categories, critics classes alone."""
    return {"label": labels} if kinds else {}


def _whole_numbers(keys, count: int) -> jax.Array:
    """int32 [B], uniform in 0 ... count - 1. One draw each, where `jax.random.randint` makes several."""
    return (each(jax.random.uniform, keys) * count).astype(jnp.int32)


def imagine(model: _Model, params, stats, keys, labels, length: int, *, train=False, rng=None, content=None):
    """Eq. (1)-(2): clips [B, length, H, W, C] in [-1, 1], and the generator's new statistics.

    Args:
      keys: [B], of all codes.
      labels: int32 [B], or None.
      rng: of dropout.
      content: z_C [B, content], drawn unless given.
    """
    sizes, mode = model.sizes, dict(train=train, rng=rng)
    drawn = each(jax.random.normal, keys, (sizes.content + sizes.motion + length * sizes.noise,))
    own, first, noise = jnp.split(drawn, [sizes.content, sizes.content + sizes.motion], axis=1)
    content = own if content is None else content
    noise = noise.reshape(-1, length, sizes.noise)
    cond = _cond(labels, model.kinds)
    path, moved = model.motion.apply(params["motion"], stats["motion"], noise, first, cond, **mode)
    codes = jnp.concatenate([jnp.broadcast_to(content[:, None], (*path.shape[:2], sizes.content)), path], axis=-1)
    repeated = None if labels is None else jnp.repeat(labels, length)
    cond = _cond(repeated, model.kinds)
    images, new = model.generator.apply(params["frames"], stats["frames"], frames(codes), cond, **mode)
    return clips(images, length), {"frames": new, "motion": moved}


def _tasks(model: _Model, image_shape, length: int, variants: int) -> dict[str, Task]:
    """sample: one clip per key. recombine: `variants` motions of one content side by side, [T, H, variants W, C]."""
    inputs = {"label": Spec("label", (), jnp.int32, high=model.kinds)} if model.kinds else {}
    height, width, channels = image_shape

    def draw(weights, keys, labels, content=None):
        return imagine(model, weights.params[G], weights.stats[G], keys, labels, length, content=content)[0]

    def sample(weights, keys, inputs):
        return {"video": draw(weights, keys, inputs.get("label"))}

    def recombine(weights, keys, inputs):
        content_keys, *motion_keys = split_each(keys, variants + 1)
        content = each(jax.random.normal, content_keys, (model.sizes.content,))
        made = [draw(weights, each_keys, inputs.get("label"), content) for each_keys in motion_keys]
        return {"video": jnp.concatenate(made, axis=3)}

    return {
        "sample": Task(sample, inputs, {"video": Spec("video", (length, *image_shape))}),
        "recombine": Task(recombine, inputs, {"video": Spec("video", (length, height, variants * width, channels))}),
    }
