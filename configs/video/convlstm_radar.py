"""ConvLSTM on weather radar at 128x128: 30 minutes in 5-minute steps from the 20 before, one event left out

Radar composites of MeteoSwiss and FMI; three rain events to learn from, the fourth to judge on (data.test names it).
Values reach 151; errors are stated on value / 150. Forecasts start at persistence and learn the change.

Paper: Shi et al. 2015, https://arxiv.org/abs/1506.04214
Parameters: 259,600
Command: jaxgen train video/convlstm_radar
Hardware: 2 CPU cores (Intel Xeon 2.5 GHz)
Time: 45 minutes beside other jobs, 22 minutes of CPU time
Score: mean squared error 0.0056 at +5 and 0.0259 at +30 minutes on the event left out (persistence 0.0082 and 0.0540).
  `jaxgen evaluate video/convlstm_radar`, seed 0
"""

from jaxgen.zoo.defaults import base, clips, constant_ema, forecasts, optimizer, prediction, smoke_prediction


def get_config(arg=""):
    c = base()
    c.data.update(clips("video", path="radar-128.npz", frames=10, flip=True))
    c.data.update(train="mch_20150515+mch_20170131+fmi_20160928", test="mch_20160711")
    c.method = prediction(context=4, future=6)
    c.nets.predictor = dict(name="convlstm", hidden=(32, 32), patch=4, residual=True)
    c.optim = optimizer(lr=1e-3, schedule="cosine", clip=1.0, ema=constant_ema(0.99))
    c.sampler = dict(chunk=8)
    c.eval = forecasts(scale=150.0, step=5, unit="min", pairs=(1, 6))
    c.train.update(steps=2000, batch_size=4, samples=4, sample_every=500, checkpoint_every=500)
    if arg == "smoke":
        smoke_prediction(c, hidden=(4,))
    return c
