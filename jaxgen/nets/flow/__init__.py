"""Bijections between images and Gaussian latents."""
