"""A compiled loop around a compiled log-density and its gradient: what pellucid's samplers pay for a call."""

import numpy as np

from pellucid.compile.llvm.kernel_language import Array, Density, Pointer, compile_kernels, i64, kernel


@kernel
def repeat(density: Density, context: Pointer, x: Array, logp: Array, gradient: Array, turns: i64) -> i64:
    """Evaluate at another point each time, so that no call may be moved or left out; the first status that is not 0."""
    start = x[0]
    failed = 0
    for turn in range(turns):
        x[0] = start + 1e-9 * turn
        status = density(x, logp, gradient, context)
        if status != 0:
            failed = status
    x[0] = start
    return failed


def native_loop(model, x):
    """Return `loop(turns)` for a model's density at the vector x, or None where the density is not native."""
    density = model.density().compile()
    if not getattr(density, "native", True):
        return None
    x, logp, gradient = np.array(x), np.empty(1), np.empty(len(x))
    compiled, context = compile_kernels(repeat)["repeat"], density.context()

    def loop(turns):
        if compiled(density.address, context, x, logp, gradient, turns):
            message = "the density failed"
            raise ArithmeticError(message)

    loop(1)
    return loop
