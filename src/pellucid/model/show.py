"""Models as text and LaTeX: each variable with its distribution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pellucid.graph.nodes import Variable
from pellucid.stats.distribution import BY_LAW
from pellucid.stats.logprob import NotDerivable, distribution_of
from pellucid.tensor.draws import Draw
from pellucid.tensor.types import Constant, TensorVariable

if TYPE_CHECKING:
    from pellucid.model.model import Model


def model_text(model: Model, formatting: str = "plain", *, include_params: bool = True) -> str:
    """One line per variable: its distribution with the parameters, or f(...) of what it is computed from."""
    if formatting not in ("plain", "latex"):
        raise ValueError(f"formatting is 'plain' or 'latex', not {formatting!r}.")
    named = set(model.named_vars.values())
    rows = [(v, distribution_text(v, named, include_params=include_params)) for v in model.basic_RVs]
    rows += [(v, computed_text("Deterministic", v, named, include_params=include_params)) for v in model.deterministics]
    rows += [(v, computed_text("Potential", v, named, include_params=include_params)) for v in model.potentials]
    if formatting == "latex":
        lines = [rf"\text{{{escape(str(v))}}} &\sim & \text{{{escape(text)}}}" for v, text in rows]
        return "$$\n\\begin{array}{rcl}\n" + "\\\\\n".join(lines) + "\n\\end{array}\n$$"
    width = max((len(str(v)) for v, _ in rows), default=0)
    return "\n".join(f"{v!s:>{width}} ~ {text}" for v, text in rows)


def variable_text(v: TensorVariable, formatting: str = "plain", *, include_params: bool = True) -> str:
    """One random variable: ``name ~ distribution``, or the distribution alone where there is no name."""
    text = distribution_text(v, set(), include_params=include_params)
    if formatting == "latex":
        return (
            rf"$\text{{{escape(str(v.name))}}} \sim \text{{{escape(text)}}}$"
            if v.name
            else rf"$\text{{{escape(text)}}}$"
        )
    return f"{v.name} ~ {text}" if v.name else text


def escape(text: str) -> str:
    """Text that LaTeX prints as it is."""
    return "".join("\\" + c if c in "_%&#${}" else c for c in text)


def distribution_text(v: TensorVariable, named: set[Any], *, include_params: bool) -> str:
    """A draw as its distribution."""
    if v.owner is None or not isinstance(v.owner.op, Draw):
        return computed_text("", v, named, include_params=include_params)
    try:
        name = type(distribution_of(v)).__name__
    except NotDerivable:  # a law that has no density here
        name = v.owner.op.law.name
    return f"{name}({parameters_text(v.owner.op.law, v.owner.inputs[2:], named)})" if include_params else name


def parameters_text(law: Any, parameters: Sequence[Variable], named: set[Any]) -> str:
    """The parameters of a law; those of the distributions that it is made of as theirs."""
    structure = getattr(law, "structure", None)
    if structure is None:
        return ", ".join(parameter_text(p, named) for p in parameters)
    own, parts = structure.split(parameters)
    listed = [parameter_text(p, named) for p in own[: structure.family.count_given(structure)]]
    for part, values in zip(structure.parts, parts, strict=True):
        name = BY_LAW[part][0].__name__ if part in BY_LAW else part.name
        listed.append(f"{name}({parameters_text(part, values, named)})")
    return ", ".join(listed)


def parameter_text(p: Variable, named: set[Any]) -> str:
    """A parameter: a number, the name of a variable, or f(...) of the variables that it is computed from."""
    if isinstance(p, Constant):
        return f"{p.data.item():.6g}" if p.data.ndim == 0 else "<constant>"
    if p not in named and p.owner is not None and isinstance(p.owner.op, Draw):  # a distribution as a parameter
        return distribution_text(p, named, include_params=True)  # type: ignore[arg-type]
    return str(p) if p in named else f"f({', '.join(sources(p, named))})"


def computed_text(what: str, v: TensorVariable, named: set[Any], *, include_params: bool) -> str:
    """What is computed, as a function of the variables it is computed from."""
    return f"{what}(f({', '.join(sources(v, named))}))" if include_params else what


def sources(v: Variable, named: set[Any]) -> list[str]:
    """The nearest named variables that `v` is computed from, in the order in which they are read."""
    found: dict[str, None] = {}
    stack = list(reversed(v.owner.inputs)) if v.owner else []
    seen = set()
    while stack:
        u = stack.pop()
        if u in seen:
            continue
        seen.add(u)
        if u in named:
            found[str(u)] = None
        elif u.owner is not None:
            stack.extend(reversed(u.owner.inputs))
    return list(found)
