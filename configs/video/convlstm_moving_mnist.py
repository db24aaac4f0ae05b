"""ConvLSTM on moving MNIST at 64 px, 10 frames from 10, sized for two CPU cores

Paper: Shi et al. 2015, https://arxiv.org/abs/1506.04214; Srivastava et al. 2015 for moving MNIST
Parameters: 555,280
Command: jaxgen train video/convlstm_moving_mnist
Hardware: 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from ml_collections import ConfigDict

from jaxgen.zoo.defaults import base, clips, constant_ema, forecasts, optimizer, prediction


def get_config(arg: str = "") -> ConfigDict:
    c = base()
    c.data.update(clips("moving_mnist", frames=20))
    c.method = prediction(context=10, future=10, loss="bce")
    c.nets = ConfigDict(dict(predictor=dict(name="convlstm", hidden=(48, 48), patch=4)))
    c.optim = optimizer(lr=2e-3, schedule="cosine", clip=1.0, ema=constant_ema(0.999))
    c.sampler = ConfigDict(dict(chunk=32))
    c.eval = forecasts()
    c.train.update(steps=1500, batch_size=8, samples=6, sample_every=500, checkpoint_every=500)
    if arg == "smoke":
        c.data.update(name="moving_digits", size=12, frames=4)
        c.method.update(context=2, future=2)
        c.nets.predictor.hidden = (4, 4)
        c.train.update(steps=3, batch_size=8, log_every=1, sample_every=3, checkpoint_every=3, samples=2)
        c.eval.samples = 8
    return c
