"""ConvLSTM on moving MNIST, one digit at 40 px, 10 frames from 10, sized for two CPU cores

Paper: Shi et al. 2015, https://arxiv.org/abs/1506.04214; Srivastava et al. 2015 for moving MNIST
Parameters: 66,052
Command: jaxgen train video/convlstm_moving_mnist
Hardware: 2 CPU cores (Intel Xeon 2.5 GHz)
Time: 39 minutes on one core
Score: mean squared error 0.0102 at +1 and 0.0309 at +10 frames (persistence 0.0252 and 0.0848), 36.7 summed over a
  frame. `jaxgen evaluate video/convlstm_moving_mnist`, seed 0
"""

from jaxgen.zoo.defaults import base, clips, constant_ema, forecasts, optimizer, prediction, smoke_prediction


def get_config(arg=""):
    c = base()
    c.data.update(clips("moving_mnist", frames=20, digits=1), size=40)
    c.method = prediction(context=10, future=10)
    c.nets.predictor = dict(name="convlstm", hidden=(24, 24), patch=2, next_frame=True, residual=True)
    c.optim = optimizer(lr=6e-3, schedule="cosine", warmup=50, clip=1.0, ema=constant_ema(0.999))
    c.sampler = dict(chunk=32)
    c.eval = forecasts()
    c.train.update(steps=3500, batch_size=8, samples=6, sample_every=500, checkpoint_every=500)
    if arg == "smoke":
        smoke_prediction(c, hidden=(4, 4), patch=4)
    return c
