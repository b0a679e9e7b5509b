"""The distributions, by where they live."""
