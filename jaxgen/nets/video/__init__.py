"""Generators and critics of generative adversarial networks."""
