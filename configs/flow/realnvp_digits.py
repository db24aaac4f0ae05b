"""RealNVP on 8x8 digits with variational dequantisation.

Paper: Dinh et al. 2017, "Density estimation using Real NVP"
Parameters: 217,880
Command: jaxgen train flow/realnvp_digits
Hardware: any; written for 2 CPU cores
Time: 6.5 minutes of CPU time
Score: 2.122 +- 0.025 bits per dimension of held-out digits; 51.0 % of samples sure
"""

from jaxgen.zoo.defaults import flow_on_digits, smoke_flow


def get_config(arg=""):
    c = flow_on_digits(lr=1e-3, steps=3000)
    c.nets.flow = dict(name="realnvp", scales=2, couplings=3, width=32, blocks=1)
    c.nets.dequantizer = dict(name="flow_dequantizer", couplings=2, width=16, blocks=1)
    if arg == "smoke":
        smoke_flow(c, scales=1, couplings=1, width=8)
        c.nets.dequantizer.update(couplings=1, width=8)
    return c
