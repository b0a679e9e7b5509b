"""The measurements of ../measure.py for NumPyro."""

import sys
import time
from functools import partial

from measure import CHAINS, DRAWS, TUNE, keep_draws, per_call, resources

ENOUGH = 60  # seconds: where sampling took longer, it is not done again for the time of the chains alone


def load():
    """Import NumPyro as its users do who want double precision and chains in parallel, with the seconds that took."""
    begin = time.perf_counter()
    import numpyro

    seconds = time.perf_counter() - begin
    numpyro.enable_x64()
    numpyro.set_host_device_count(CHAINS)
    return numpyro, seconds


def data_and_model(name: str):
    """Return the model and the arrays it is called with."""
    import datasets
    from peer_models import numpyro_models

    return getattr(numpyro_models, name), getattr(datasets, name)()


def initialize(name: str):
    """Return (vector at the origin, potential of a vector): the functions that its samplers differentiate."""
    import jax
    from jax.flatten_util import ravel_pytree
    from numpyro.infer.util import initialize_model

    model, data = data_and_model(name)
    start = initialize_model(jax.random.key(0), model, model_kwargs=data)
    vector, unravel = ravel_pytree(start.param_info.z)
    return jax.numpy.zeros_like(vector), lambda x: start.potential_fn(unravel(x))


def measure_import(_: str, __: str) -> dict:
    """Time of the import alone."""
    numpyro, seconds = load()
    return {"import": seconds, "version": numpyro.__version__, "python": sys.version.split()[0], **resources()}


def measure_graph(_: str, name: str) -> dict:
    """Time to trace the model and find a start; it has no graph of its own to make."""
    load()
    begin = time.perf_counter()
    initialize(name)
    return {"build": time.perf_counter() - begin, "graph": None}


def measure_compile(_: str, name: str) -> dict:
    """Time from a traced model to the first value of the potential and its gradient, and then per call."""
    start = time.perf_counter()
    load()
    import jax

    x, potential = initialize(name)
    begin = time.perf_counter()
    function = jax.jit(jax.value_and_grad(potential))
    value, gradient = jax.block_until_ready(function(x))
    end = time.perf_counter()
    measured = {"compile": end - begin, "first_gradient": end - start, **resources()}
    measured["origin"] = [-float(value), float(jax.numpy.linalg.norm(gradient))]

    def from_python(turns):
        for _ in range(turns):
            jax.block_until_ready(function(x))

    measured |= per_call("call_python", from_python)
    return measured | per_call("call_native", native_loop(jax, potential, x))


def native_loop(jax, potential, x):
    """Return a loop, compiled by XLA, around the potential and its gradient: what its samplers pay for a call."""
    evaluate = jax.value_and_grad(potential)

    def turn(_, carry):
        x, total = carry
        value, gradient = evaluate(x)
        return x + 1e-18 * gradient, total + value  # each needs the one before, and all of its gradient

    @jax.jit
    def repeat(turns, x):
        return jax.lax.fori_loop(0, turns, turn, (x, 0.0))

    jax.block_until_ready(repeat(1, x))
    return lambda turns: jax.block_until_ready(repeat(turns, x))


def measure_sample(_: str, name: str) -> dict:
    """What a user's script does; then the chains once more, compiled, for the time they take by themselves."""
    load()
    import jax
    from numpyro.infer import MCMC, NUTS

    model, data = data_and_model(name)
    begin = time.perf_counter()
    chains = MCMC(NUTS(model), num_warmup=TUNE, num_samples=DRAWS, num_chains=CHAINS, progress_bar=False)
    run = partial(chains.run, extra_fields=("num_steps", "diverging"), **data)
    run(jax.random.key(1))
    sampled = time.perf_counter()
    chains.print_summary()
    measured = {"sample": sampled - begin, "summary": time.perf_counter() - sampled, "end": time.time(), **resources()}
    keep_draws(jax.device_get(chains.get_samples(group_by_chain=True)))
    extra = chains.get_extra_fields()
    measured |= {"leapfrogs_draws": int(extra["num_steps"].sum()), "divergences": int(extra["diverging"].sum())}
    if sampled - begin < ENOUGH:
        begin = time.perf_counter()
        run(jax.random.key(2))
        jax.block_until_ready(chains.get_samples())
        measured["chains_time"] = time.perf_counter() - begin
    return measured


TASKS = {"import": measure_import, "graph": measure_graph, "compile": measure_compile, "sample": measure_sample}
