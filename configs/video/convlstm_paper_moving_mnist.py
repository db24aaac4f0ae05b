"""ConvLSTM on moving MNIST, the paper's three layers: 5x5 kernels, 128-64-64 hidden states, peepholes, patches of 4

Paper: Shi et al. 2015, section 4.1, https://arxiv.org/abs/1506.04214
Parameters: 8,181,776
Command: jaxgen train video/convlstm_paper_moving_mnist
Hardware: one accelerator
Time: not measured yet
Score: not measured yet
"""

from jaxgen.zoo.defaults import base, clips, forecasts, optimizer, prediction, smoke_prediction


def get_config(arg=""):
    c = base()
    c.data.update(clips("moving_mnist", frames=20))
    c.method = prediction(context=10, future=10, loss="bce")
    c.nets.predictor = dict(name="convlstm", hidden=(128, 64, 64), kernel=5, patch=4, peephole=True, feedback=False)
    c.optim = optimizer(name="rmsprop", lr=1e-3, b2=0.9)
    c.sampler = dict(chunk=64)
    c.eval = forecasts(samples=10000)
    c.train.update(steps=100000, batch_size=16, samples=8, sample_every=5000, checkpoint_every=5000)
    if arg == "smoke":
        smoke_prediction(c, hidden=(4,), kernel=3)
    return c
