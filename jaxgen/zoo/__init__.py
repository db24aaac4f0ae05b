"""config -> Method, data, networks, by explicit tables."""
