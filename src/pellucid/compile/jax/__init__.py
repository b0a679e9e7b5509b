"""The backend that hands graphs to JAX: the references of all ops, traced once per signature, under one `jax.jit`."""
