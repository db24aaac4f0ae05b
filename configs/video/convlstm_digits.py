"""ConvLSTM on two of scikit-learn's digits moving in 24 px: the video model that needs no files

Paper: Shi et al. 2015, https://arxiv.org/abs/1506.04214; Srivastava et al. 2015 for the moving digits
Parameters: 259,600
Command: jaxgen train video/convlstm_digits
Hardware: any; written for 2 CPU cores
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import base, clips, constant_ema, forecasts, optimizer, prediction, smoke_prediction


def get_config(arg=""):
    c = base()
    c.data.update(clips("moving_digits", frames=10))
    c.method = prediction(context=5, future=5, loss="bce")
    c.nets.predictor = dict(name="convlstm", hidden=(32, 32), patch=4)
    c.optim = optimizer(lr=2e-3, schedule="cosine", clip=1.0, ema=constant_ema(0.999))
    c.sampler = dict(chunk=64)
    c.eval = forecasts()
    c.train.update(steps=3000, batch_size=16, samples=8, sample_every=1000, checkpoint_every=1000)
    if arg == "smoke":
        smoke_prediction(c, hidden=(4, 4))
    return c
