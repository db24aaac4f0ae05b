"""Networks whose activations say what a picture shows and how it is painted."""
