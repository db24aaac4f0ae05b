"""Glow on 8x8 digits.

Paper: Kingma & Dhariwal 2018, "Glow: Generative Flow with Invertible 1x1 Convolutions"
Parameters: 153,696
Command: jaxgen train flow/glow_digits
Hardware: any; written for 2 CPU cores
Time: 3.2 minutes beside another job (3.0 minutes of CPU time)
Score: 2.245 bits per dimension at 16 levels (355 held-out images, uniform dequantisation; 1.66 in training);
  precision 0.761, recall 0.841 (held-out 0.910, 0.922). `jaxgen evaluate flow/glow_digits`, seed 0
"""

from jaxgen.zoo.defaults import flow_on_digits, smoke_flow


def get_config(arg=""):
    c = flow_on_digits(lr=1e-3, steps=3000)
    c.nets.flow = dict(name="glow", levels=2, steps=8, width=64)
    if arg == "smoke":
        smoke_flow(c, steps=1, width=8)
    return c
