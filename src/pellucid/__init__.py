"""Probabilistic programming with readable graphs: write tensors and models, print, rewrite, differentiate, compile and sample them."""
