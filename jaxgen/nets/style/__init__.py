"""Networks of style transfer."""
