"""A model as a table: one row for each variable, with its distribution, dimensions, shape and transform."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from pellucid.model.context import modelcontext
from pellucid.model.initial import shape_now
from pellucid.model.shapes import try_shape
from pellucid.model.show import computed_text, distribution_text
from pellucid.model.structure import kind_of

if TYPE_CHECKING:
    from pellucid.model.model import Model

COLUMNS = ("variable", "kind", "expression", "dims", "shape", "transform")


@dataclass(frozen=True)
class Table:
    """Rows of text under names, which `str` and notebooks show.

    Attributes
    ----------
    rows : list of dict
        For each variable its name, kind, expression, dims, shape and transform.
    parameters : int
        How many numbers the free variables have.
    """

    rows: list[dict[str, str]]
    parameters: int

    def __str__(self) -> str:
        lines = [dict(zip(COLUMNS, COLUMNS, strict=True)), *self.rows]
        widths = {c: max(len(line[c]) for line in lines) for c in COLUMNS}
        text = ["  ".join(line[c].ljust(widths[c]) for c in COLUMNS).rstrip() for line in lines]
        return "\n".join([*text, f"{self.parameters} parameters"])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        cells = lambda tag, line: "".join(f"<{tag}>{escape(line[c])}</{tag}>" for c in COLUMNS)  # noqa: E731
        head = cells("th", dict(zip(COLUMNS, COLUMNS, strict=True)))
        body = "".join(f"<tr>{cells('td', line)}</tr>" for line in self.rows)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{self.parameters} parameters</p>"


def model_table(
    model: Model | None = None,
    *,
    split_groups: bool = True,
    truncate_deterministic: int | None = None,
    parameter_count: bool = True,
) -> Table:
    """All variables of a model: data, random variables, deterministics and potentials.

    Parameters
    ----------
    model : Model, optional
    truncate_deterministic : int, optional
        The most characters of an expression.
    split_groups, parameter_count
        Accepted for compatibility, and ignored.

    Examples
    --------
    >>> import pellucid as pm
    >>> with pm.Model(coords={"g": ["a", "b"]}) as model:
    ...     s = pm.HalfNormal("s", 1)
    ...     x = pm.Normal("x", 0, s, dims="g")
    >>> print(model.table())
    variable  kind  expression        dims  shape  transform
    s         free  HalfNormal(0, 1)        ()     log
    x         free  Normal(0, s)      g     (2,)
    3 parameters
    """
    owner = modelcontext(model)
    named = set(owner.named_vars.values())
    groups = [owner.data_vars, owner.basic_RVs, owner.deterministics, owner.potentials]
    rows = [row(owner, v, named, truncate_deterministic) for group in groups for v in group]
    count = sum(_size(shape_now(owner, rv)) for rv in owner.free_RVs)
    return Table(rows, count)


def _size(shape: tuple[int, ...]) -> int:
    """The number of elements."""
    size = 1
    for n in shape:
        size *= n
    return size


def row(model: Model, v: Any, named: set[Any], width: int | None) -> dict[str, str]:
    """One variable."""
    kind = kind_of(model, v)
    drawn = kind in ("free", "observed")
    shape = shape_now(model, v) if drawn else try_shape(v, model.root.shapes)
    text = (
        distribution_text(v, named, include_params=True) if drawn else computed_text("", v, named, include_params=True)
    )
    text = "" if kind == "data" else text if drawn else text[1:-1]
    bijection = model.rvs_to_transforms.get(v)
    dims = ", ".join(map(str, model.named_vars_to_dims.get(str(v.name), ())))
    cut = text if drawn or width is None or len(text) <= width else text[: max(width - 1, 0)] + "…"
    transform = getattr(bijection, "name", "") if bijection is not None else ""
    return dict(
        zip(COLUMNS, (str(v.name), kind, cut, dims, "?" if shape is None else str(shape), transform), strict=True)
    )
