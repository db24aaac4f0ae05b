"""Autoregressive networks: roles `Causal`."""
