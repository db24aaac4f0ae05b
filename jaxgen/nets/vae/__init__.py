"""Encoders and decoders of variational autoencoders."""
