"""Random rows of data, for inference that looks at a part of the data at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.compile.shared import SharedVariable
from pellucid.graph.nodes import Variable
from pellucid.graph.traverse import graph_inputs
from pellucid.model.context import here
from pellucid.tensor.broadcast import ShapeError
from pellucid.tensor.types import as_tensor_variable

if TYPE_CHECKING:
    from pellucid.model.model import Model


class Rows(SharedVariable):
    """Which rows of data make the batch at present."""

    __slots__ = ("count",)

    def __init__(self, count: int, batch_size: int):
        self.count = count
        super().__init__(np.arange(batch_size) % count, "rows", (batch_size,))

    def draw(self, generator: np.random.Generator) -> None:
        """Choose other rows, each independently of the others."""
        self.set_value(generator.integers(self.count, size=self.type.shape[0]), borrow=True)


def Minibatch(variable: Any, *variables: Any, batch_size: int) -> Any:
    """Random rows of data, the same of all that are given together; `pm.fit` draws new ones at each step.

    The log-probability of what is observed must be scaled up to all data: ``total_size=len(data)``.

    Parameters
    ----------
    variable, *variables : array or tensor of data
        All of the same length.
    batch_size : int
        The number of rows.

    Returns
    -------
    A tensor, or a tuple of as many as were given.

    Examples
    --------
    >>> import pellucid as pm
    >>> x, y = pm.Minibatch([1.0, 2.0, 3.0], [10.0, 20.0, 30.0], batch_size=2)
    >>> (10 * x).eval(), y.eval()
    (array([10., 20.]), array([10., 20.]))
    """
    tensors = [as_tensor_variable(v) for v in (variable, *variables)]
    if isinstance(batch_size, bool) or not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
        raise ValueError(f"Minibatch needs a batch_size of at least 1, not {batch_size!r}. {here()}")
    if any(t.ndim == 0 for t in tensors):
        raise ShapeError(f"Minibatch takes rows of data, and a number has none. {here()}")
    lengths = [int(np.asarray(t.shape[0].eval())) if t.type.shape[0] is None else t.type.shape[0] for t in tensors]
    if len(set(lengths)) > 1:
        raise ShapeError(f"Minibatch needs data of equal lengths to take the same rows of; got {lengths}. {here()}")
    rows = Rows(lengths[0], int(batch_size))
    found = tuple(t[rows] for t in tensors)
    return found if variables else found[0]


def batches(model: Model) -> list[Rows]:
    """The rows that the observations of a model, and what they depend on, are of."""
    data: list[Variable] = [model.rvs_to_values[rv] for rv in model.observed_RVs]
    return [v for v in graph_inputs([*data, *model.basic_RVs, *model.potentials]) if isinstance(v, Rows)]
