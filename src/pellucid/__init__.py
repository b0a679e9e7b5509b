"""Probabilistic programming with readable graphs."""
