"""What steps of loops say of their draws, under PyMC's name for it: ``pm.pytensorf``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pellucid.graph.nodes import Variable
from pellucid.graph.traverse import as_list, toposort
from pellucid.tensor.draws import Draw, RngVariable


def collect_default_updates(
    outputs: Any, *, inputs: Sequence[Variable] = (), must_be_shared: bool = True
) -> dict[Variable, Variable]:
    """For each generator that `outputs` draw from, the state in which they leave it.

    Loops written with :func:`~pellucid.scan` find this by themselves; a step may return it all the same.

    Parameters
    ----------
    outputs : variable or sequence of variables
    inputs : sequence of variables, optional
        What is given: nothing behind it counts.
    must_be_shared : bool
        Accepted for PyMC's callers; every generator here has its own state.

    Examples
    --------
    >>> import pellucid as pm
    >>> x = pm.Normal.dist(0, 1)
    >>> len(collect_default_updates(x))
    1
    """
    found: dict[Variable, Variable] = {}
    for node in toposort(as_list(outputs), stop=set(inputs)):
        source = node.inputs[0] if isinstance(node.op, Draw) else None
        if isinstance(source, RngVariable) and source.owner is None:
            found[source] = node.outputs[0]
        elif source in found.values():  # a draw that goes on where an earlier one left the generator
            found = {root: node.outputs[0] if state is source else state for root, state in found.items()}
    return found
