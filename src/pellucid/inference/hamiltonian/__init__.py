"""Hamiltonian Monte Carlo: random numbers, the integrator, the metric, trajectories and the No-U-Turn sampler."""
