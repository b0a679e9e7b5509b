"""Samplers, and what is made of their draws: diagnostics, summaries and result trees."""
