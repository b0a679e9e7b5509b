"""Log-probabilities where PyMC has them: ``pm.logprob.conditional_logp`` and its kind."""

from __future__ import annotations

from pellucid.stats.logprob import conditional_logp, icdf, logccdf, logcdf, logp, transformed_conditional_logp

__all__ = ["conditional_logp", "icdf", "logccdf", "logcdf", "logp", "transformed_conditional_logp"]
