"""The sections that every config has, with the values most runs use. A config file changes what differs."""

from typing import Any

from ml_collections import ConfigDict


def optimizer(**changes: Any) -> ConfigDict:
    """One player's optimizer; see `jaxgen.optim.build`. `ema` maps profile names to averages, `{}` for none."""
    section = ConfigDict(
        dict(
            name="adam",
            lr=1e-3,
            b1=0.9,
            b2=0.999,
            eps=1e-8,
            weight_decay=0.0,
            schedule="constant",
            warmup=0,
            final=0.0,
            clip=0.0,
            ema={},
        )
    )
    section.update(changes)
    return section


def constant_ema(decay: float) -> dict[str, Any]:
    """The profile "ema" as a constant-decay average, for `optimizer(ema=...)`."""
    return {"ema": {"kind": "constant", "decay": decay}}


def adversarial(**changes: Any) -> ConfigDict:
    """The `method` section of a GAN; see `jaxgen.methods.gan`. `penalty` may be given in part."""
    section = ConfigDict(
        dict(
            name="gan",
            objective="non_saturating",  # minimax, non_saturating, least_squares, wasserstein, hinge
            penalty=dict(
                name="none",  # none, gradient, r1, clip
                weight=0.0,  # of gradient and r1
                every=1,  # computed on every n-th step only
                limit=0.0,  # of clip
            ),
            n_critic=1,  # critic moves per generator move
            latent=100,
            prior="normal",  # or uniform
            conditional=False,  # generate by class
        )
    )
    section.update(changes)
    return section


def variational(**changes: Any) -> ConfigDict:
    """The `method` section of a VAE; see `jaxgen.methods.vae`. `likelihood` is {"name", ...its settings}."""
    section = ConfigDict(
        dict(
            name="vae",
            latent=16,  # channels of a latent
            conditional=False,  # tell both networks the label
            beta=1.0,  # weight of the KL term
            free_bits=0.0,  # nats per latent channel that cost nothing
            warmup=0,  # steps over which the KL term comes in
            samples=1,  # above 1: train on the importance-weighted bound
        )
    )
    section.likelihood = changes.pop("likelihood", {"name": "bernoulli", "binarize": True})
    section.update(changes)
    return section


def variational_sampler(**changes: Any) -> ConfigDict:
    """The `sampler` section of a VAE: the settings of its tasks, see `jaxgen.methods.vae.SAMPLER`."""
    section = ConfigDict(
        dict(
            mean=True,  # show the likelihood's mean; false draws pixels from it
            temperature=1.0,  # standard deviation of the latents of `sample`
            steps=8,  # images in a row of `interpolate` and `traverse`
            span=2.5,  # `traverse` walks each latent from -span to span
            dims=(),  # which latents; () takes those that say most about the given image
            rows=8,  # and so many of them
            importance=100,  # samples of the bound in `log_prob`
            chunk=10,  # of which so many are decoded at a time
        )
    )
    section.update(changes)
    return section


def pix2pix(**changes: Any) -> ConfigDict:
    """The `method` section of pix2pix; see `jaxgen.methods.translate`."""
    section = ConfigDict(
        dict(
            name="pix2pix",
            objective="non_saturating",  # any of a GAN's
            reconstruction=100.0,  # weight of the mean absolute error
        )
    )
    section.update(changes)
    return section


def cyclegan(**changes: Any) -> ConfigDict:
    """The `method` section of CycleGAN; see `jaxgen.methods.translate`."""
    section = ConfigDict(
        dict(
            name="cyclegan",
            objective="least_squares",  # any of a GAN's
            adversarial=2.0,  # weights of the generators' terms; 2: (D - 1)^2, as in the paper
            cycle=10.0,
            identity=5.0,  # 0 leaves the identity term out
            pool=50,  # earlier translations shown to each critic
        )
    )
    section.update(changes)
    return section


def pairs(**changes: Any) -> dict[str, Any]:
    """What `data` needs for two sets of images (`c.data.update(pairs(...))`); see `jaxgen.data.pairs`."""
    section = dict(
        name="paired",  # or unpaired
        path="",  # the images: a folder, a .zip, or a folder in a .zip
        target="",  # what they become, likewise; left or right: that half of each image; "": folders trainA, trainB
        # paired: leave out what has no partner; unpaired: hold out pairs of equal names, to be judged by
        common_names=False,
    )
    return section | changes


def mixing(**changes: Any) -> ConfigDict:
    """The `method` section of a Gaussian mixture; see `jaxgen.methods.mixture`."""
    section = ConfigDict(
        dict(
            name="mixture",
            components=10,
            covariance="full",  # full, tied, diag, spherical
            patch=0,  # side of the tiles an image is cut into; 0 leaves it whole
            floor=1e-3,  # added to every variance, in units of [-1, 1] squared
            decay=0.0,  # of stepwise EM, in (0.5, 1]; 0: a step forgets earlier batches (full-batch EM)
            delay=2.0,  # of stepwise EM
            rounds=10,  # of Lloyd's algorithm after the k-means++ seeds
        )
    )
    section.update(changes)
    return section


def random_field(**changes: Any) -> ConfigDict:
    """The `method` section of a random field; see `jaxgen.methods.random_field`."""
    section = ConfigDict(
        dict(
            name="random_field",
            field="potts",  # potts (grey levels as symbols; Ising with 2) or gaussian
            levels=2,  # of potts
            offsets=((0, 1), (1, 0)),  # (rows, columns) to a neighbour; their sum is odd
            shared=False,  # one coupling per offset instead of one per pair of pixels
            objective="pseudo_likelihood",  # or persistent (persistent contrastive divergence)
            sweeps=1,  # Gibbs sweeps of the chains per step
        )
    )
    section.update(changes)
    return section


def autoregression(distribution: dict[str, Any], **changes: Any) -> ConfigDict:
    """The `method` section of an autoregressive model; `distribution` is {"name", ...its settings}."""
    section = ConfigDict(
        dict(
            name="autoregressive",
            conditional=False,  # tell the network the label
            binarize="none",  # static: each image drawn once; dynamic: anew at every look
        )
    )
    section.distribution = distribution  # categorical, logistic_mixture
    section.update(changes)
    return section


def autoregression_sampler(**changes: Any) -> ConfigDict:
    """The `sampler` section of an autoregressive model, see `jaxgen.methods.autoregressive.SAMPLER`."""
    section = ConfigDict(
        dict(
            temperature=1.0,  # below 1: likelier pixels, less variety
            keep=0.5,  # part of the rows that `complete` is given, from the top
            cached=True,  # keep activations between pixels; false: a whole pass of the network per pixel
            chunk=64,  # images drawn at a time
        )
    )
    section.update(changes)
    return section


def random_field_sampler(**changes: Any) -> ConfigDict:
    """The `sampler` section of a random field: the settings of its tasks, see `jaxgen.methods.random_field.SAMPLER`."""
    section = ConfigDict(
        dict(
            sweeps=200,  # of `sample`, from noise
            noise=0.1,  # of `corrupt` and `denoise`: probability of another symbol, or deviation of Gaussian noise
            denoise_sweeps=60,  # of `denoise`, from the noisy image
            burn=10,  # of which so many are not averaged
        )
    )
    section.update(changes)
    return section


def exact_likelihood(**changes: Any) -> ConfigDict:
    """The `method` section of a normalizing flow; see `jaxgen.methods.flow`."""
    section = ConfigDict(
        dict(
            name="flow",
            conditional=False,  # tell the bijection the label
            bits=8,  # of each number's 8 bits, how many are kept
            logit=0.0,  # above 0: model logit(a + (1 - 2 a) y) instead of y
        )
    )
    section.update(changes)
    return section


def flow_sampler(**changes: Any) -> ConfigDict:
    """The `sampler` section of a normalizing flow: the settings of its tasks, see `jaxgen.methods.flow.SAMPLER`."""
    section = ConfigDict(
        dict(
            temperature=1.0,  # standard deviation of the latents of `sample`
            steps=8,  # images in a row of `interpolate`
            importance=1,  # draws of the dequantisation noise in `log_prob`
        )
    )
    section.update(changes)
    return section


def clips(name: str, **changes: Any) -> dict[str, Any]:
    """What the `data` section of video adds, for `c.data.update(clips(...))`; see `docs/data.md`."""
    section = dict(
        name=name,  # "video" (clips, recordings or folders at data.path), "moving_mnist", "moving_digits"
        frames=0,  # frames of a clip; 0: as stored
        hop=1,  # frames between the starts of two clips cut from one recording
        label=(),  # columns of a table of labels that make the class
        digits=2,  # of "moving_*"; clips of one digit have its class as label
    )
    return section | changes


def prediction(**changes: Any) -> ConfigDict:
    """The `method` section of a video predictor; see `jaxgen.methods.predictor`."""
    section = ConfigDict(
        dict(
            name="predictor",
            context=10,  # frames shown
            future=10,  # frames forecast; data.frames is the sum
            loss="mse",  # mse, l1_mse, bce
        )
    )
    section.update(changes)
    return section


def forecasts(**changes: Any) -> ConfigDict:
    """The `eval` section of a video predictor."""
    section = ConfigDict(
        dict(
            samples=1000,  # held-out clips that are forecast, at most
            scale=255.0,  # errors are those of (uint8 value) / scale
            step=1,  # of the time axis, per frame
            unit="frames",
            pairs=(),  # leads at which persistence is also taken over all pairs of frames of the held-out recordings
        )
    )
    section.update(changes)
    return section


def motion_content(**changes: Any) -> ConfigDict:
    """The `method` section of a MoCoGAN; see `jaxgen.methods.mocogan`."""
    section = ConfigDict(
        dict(
            name="mocogan",
            objective="hinge",  # minimax, non_saturating, least_squares, wasserstein, hinge
            content=50,  # dimensions of the content code,
            motion=10,  # of the motion codes,
            noise=10,  # and of the noise that drives them
            conditional=False,  # generate by class
            categories=0,  # or by categories found without labels
            information=1.0,  # weight of the bound that makes them visible
        )
    )
    section.update(changes)
    return section


def base() -> ConfigDict:
    """The full tree: method, net or nets, data, optim, sampler, train, mesh, eval."""
    return ConfigDict(
        dict(
            method=dict(name=""),
            nets={},
            data=dict(
                name="digits",  # a built-in, any tensorflow-datasets name, or "folder", "array", "shapes"
                path="",  # for "folder" and "array"; relative paths are tried below $JAXGEN_DATA too
                train="train",  # split to learn from; slices as in "train[:90%]"
                test="test",  # split to judge on
                size=0,  # images become size x size; 0 keeps the native size
                resize="crop",  # crop (scale the short side, centre crop), stretch, pad (scale the long side, pad)
                channels=0,  # 1 grey, 3 RGB; 0 keeps the native number
                background=255,  # grey level under transparent pixels and in padding
                pad=0,  # pixels added on each side after resizing
                flip=False,  # random left-right flip in training
                random_crop=0,  # random crop of this many pixels after reflect padding; 0 is off
                workers=0,  # reader threads for sets too large for memory
                memory_mb=2048,  # splits up to this size are decoded once and kept in memory
            ),
            optim=optimizer(),
            sampler={},
            train=dict(
                steps=1000,
                batch_size=64,  # global
                seed=0,
                micro=1,  # micro-batches per step
                steps_per_call=1,  # steps in one compiled scan; saves fall on its boundaries
                strategy="jit",  # or pmap
                log_every=50,
                sample_every=500,
                samples=64,  # images in the grids drawn while training
                checkpoint_every=500,
                keep=3,  # newest checkpoints kept
                init_from="",  # "run:PATH": start from another run's weights; "part:PATH": from those of them that fit
            ),
            # -1: all remaining devices. cpu: where the backend is the CPU, how many devices at most to make of it.
            mesh=dict(data=-1, fsdp=1, cpu=1),
            eval=dict(
                samples=1000,  # images drawn to be judged
                likelihood=0,  # held-out images whose log_prob is averaged; 0: all
            ),
        )
    )


def denoising(process: str, prediction: str, **changes: Any) -> ConfigDict:
    """The `method` section of diffusion and flow matching; `process` may get settings of its own afterwards."""
    section = ConfigDict(
        dict(
            name="diffusion",
            process=dict(name=process),
            prediction=prediction,
            weighting=prediction,  # simple, min_snr, or the prediction in which squared errors count
            gamma=5.0,  # of min_snr
            conditional=False,
            drop=0.1,  # labels dropped in training, for guidance
        )
    )
    section.update(changes)
    return section


def denoising_sampler(**changes: Any) -> ConfigDict:
    """The `sampler` section of diffusion and flow matching; see `jaxgen.samplers.settings`."""
    section = ConfigDict(
        dict(
            name="ddim",  # ddpm, ddim, euler, heun, dpmpp_2m
            steps=50,
            grid="trailing",  # uniform, leading, trailing, karras, logsnr
            rho=7.0,
            eta=0.0,  # of ddim
            variance="small",  # of ddpm: small or large
            guidance=1.0,  # classifier-free guidance scale
            interval=(0.0, 1.0),  # times between which guidance acts
            clip="none",  # none, static, dynamic
            quantile=0.995,  # of dynamic clipping
        )
    )
    section.update(changes)
    return section
