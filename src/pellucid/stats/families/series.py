"""What distributions of series share: the number of steps, and the axis that runs over them."""

from __future__ import annotations

import warnings
from typing import Any

from pellucid.graph.provenance import describe, user_line
from pellucid.stats.families.composite import Part, as_part
from pellucid.stats.families.continuous import Normal
from pellucid.tensor.elementwise import cast
from pellucid.tensor.shape import as_extent, as_extents
from pellucid.tensor.types import TensorVariable, as_tensor_variable


def steps_of(family: type, steps: Any, options: dict[str, Any], *, first: int, axis: int = -1) -> TensorVariable:
    """The number of steps, from `steps` or from the length of the series in `shape`.

    Parameters
    ----------
    family : type
    steps : int, integer scalar or None
    options : dict
    first : int
        How many elements come before the first step.
    axis : int
        The axis of the series in the shape, counted from the end.
    """
    shape = options.get("shape")
    extents = None if shape is None else as_extents(shape)
    found = None if steps is None else as_extent(steps, "steps")
    if extents is not None and len(extents) >= -axis:
        length = extents[axis]
        if found is None:
            found = length - first
        elif isinstance(length, int) and isinstance(found, int) and length != found + first:
            raise ValueError(
                f"{family.__name__} of {found} steps has {found + first} elements, of which the first {first} "
                f"precede{'s' if first == 1 else ''} the steps, but its shape is {tuple(map(str, extents))}: give "
                f"steps= or shape=, not both. At {describe(user_line())}".replace("'", "")
            )
    if found is None:
        raise ValueError(
            f"{family.__name__} needs its length: give steps=, shape=, dims= or observed=. At {describe(user_line())}"
        )
    if isinstance(found, int) and found < 0:
        raise ValueError(
            f"{family.__name__} needs at least {first} elements, not {found + first}. At {describe(user_line())}"
        )
    return as_tensor_variable(found, dtype="int64")


def length_after(steps: Any, first: int) -> Any:
    """The length of a series of so many steps."""
    n = as_extent(cast(steps, "int64"), "steps")
    return n + first


def initial_part(family: type, init_dist: Any, default: Any = None) -> Part:
    """The distribution of what comes before the steps; a wide normal one, with a warning, where none was given."""
    if init_dist is None:
        warnings.warn(
            f"init_dist of {family.__name__} was not given, so it is Normal.dist(0, 100): give one to say what is "
            "known of the start.",
            UserWarning,
            stacklevel=4,
        )
        init_dist = Normal.dist(0.0, 100.0) if default is None else default
    return as_part(family, "init_dist", init_dist)
