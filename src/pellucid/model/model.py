"""The model: named variables, their values, and the functions that follow from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from pellucid.graph.lazy import later
from pellucid.graph.nodes import Variable
from pellucid.graph.provenance import describe
from pellucid.model import initial
from pellucid.model.answers import Answers
from pellucid.model.context import active_models, current_model, here, modelcontext
from pellucid.model.data import set_data_variable
from pellucid.model.dims import Dimensions, as_dims
from pellucid.model.logprob import value_variable
from pellucid.model.observed import as_observed, check_fits
from pellucid.model.parts import as_total_size
from pellucid.model.shapes import Shape, current_shape, try_shape
from pellucid.model.variables import Deterministic
from pellucid.tensor.types import TensorVariable

if TYPE_CHECKING:
    from pellucid.model import imputation, surgery
else:
    imputation, surgery = later("pellucid.model", "imputation surgery")


class WithinItself(type):
    """Classes whose instances are the current model while they are made, so that `__init__` can make variables."""

    def __call__(cls, *args: Any, **options: Any) -> Any:
        instance: Any = object.__new__(cls)
        with instance:
            instance.__init__(*args, **options)
        return instance


class Model(Answers, metaclass=WithinItself):
    """Random variables, data and what is computed from them, under names.

    Variables made inside ``with model:`` belong to it. A model made inside another model's block is part of it: its
    variables appear in both, with the inner model's name as prefix (``inner::x``). A subclass may make its variables
    in ``__init__``, after ``super().__init__(...)``.

    Parameters
    ----------
    name : str
        A prefix for the names of the variables.
    coords : mapping of str to labels, optional
        Named dimensions; variables refer to them by ``dims=``.
    check_bounds : bool
        Kept for compatibility: parameters outside their domain always give a log-probability of -inf.
    model : Model or None, optional
        The model to be part of; by default that of the enclosing block.

    Attributes
    ----------
    free_RVs, observed_RVs, deterministics, potentials, data_vars : list of TensorVariable
    rvs_to_values, values_to_rvs : dict
        Each random variable's value variable: of the unconstrained value if it is free, its data if it is observed.
    rvs_to_transforms, rvs_to_initial_values : dict
    named_vars, named_vars_to_dims : dict

    Examples
    --------
    >>> import pellucid as pm
    >>> with pm.Model() as model:
    ...     mu = pm.Normal("mu", 0, 1)
    ...     sigma = pm.HalfNormal("sigma", 1)
    >>> model.value_vars
    [mu, sigma_log__]
    >>> model.initial_point()
    {'mu': array(0.), 'sigma_log__': array(0.)}
    """

    def __init__(
        self, name: str = "", coords: Mapping[str, Any] | None = None, check_bounds: bool = True, *, model: Any = ...
    ):
        self.name = check_name(name) if name else ""
        self.check_bounds = check_bounds
        around = [m for m in active_models() if m is not self]
        self.parent: Model | None = (around[-1] if around else None) if model is ... else model
        self.named_vars: dict[str, TensorVariable] = {}
        self.named_vars_to_dims: dict[str, tuple[str | None, ...]] = {}
        self.free_RVs: list[TensorVariable] = []
        self.observed_RVs: list[TensorVariable] = []
        self.deterministics: list[TensorVariable] = []
        self.potentials: list[TensorVariable] = []
        self.data_vars: list[TensorVariable] = []
        self.rvs_to_values: dict[TensorVariable, TensorVariable] = {}
        self.values_to_rvs: dict[TensorVariable, TensorVariable] = {}
        self.rvs_to_transforms: dict[TensorVariable, Any] = {}
        self.rvs_to_initial_values: dict[TensorVariable, Any] = {}
        self.marginal_terms: dict[Any, Any] = {}
        """Terms in place of the variables' own, in which others were summed over (:mod:`pellucid.model.marginal`)."""
        self.total_sizes: dict[Any, tuple[int | None, ...]] = {}
        """The lengths of the whole data, of which some variables observe a part."""
        self.shapes: dict[Variable, Shape] = {}
        """The shapes that random variables had when they were made."""
        self.dimensions = Dimensions() if self.parent is None else self.parent.dimensions
        self.cache: dict[Any, Any] = {}
        """What was compiled from the model as it is; emptied whenever a variable is added."""
        self.add_coords(coords or {})

    # Being the model of a block, and part of another.

    def __enter__(self) -> Self:
        active_models().append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        active_models().pop()

    @classmethod
    def get_context(cls, error_if_none: bool = True, allow_block_model_access: bool = False) -> Model | None:
        """The model of the enclosing `with` block; the second argument is PyMC's, and ignored."""
        return modelcontext() if error_if_none else current_model()

    @property
    def isroot(self) -> bool:
        """Whether the model is part of no other."""
        return self.parent is None

    @property
    def root(self) -> Model:
        """The outermost model that this one is part of."""
        return self if self.parent is None else self.parent.root

    def lineage(self) -> Iterator[Model]:
        """The model itself, and those that it is part of."""
        model: Model | None = self
        while model is not None:
            yield model
            model = model.parent

    @property
    def prefix(self) -> str:
        """What names of variables begin with."""
        outer = self.parent.prefix if self.parent else ""
        return f"{outer}::{self.name}" if outer and self.name else outer or self.name

    def name_for(self, name: str) -> str:
        """The full name of a variable of this model."""
        check_name(name)
        start = f"{self.prefix}::"
        return name if not self.prefix or name.startswith(start) else start + name

    def name_of(self, name: str) -> str:
        """A full name without the model's prefix."""
        return name.removeprefix(f"{self.prefix}::") if self.prefix else name

    def __getitem__(self, key: str) -> TensorVariable:
        found = self.named_vars.get(key)
        found = self.named_vars.get(self.name_for(key)) if found is None else found
        if found is None:
            raise KeyError(
                f"The model has no variable {key!r}; it has {', '.join(self.named_vars) or 'none'}. {here()}"
            )
        return found

    def __contains__(self, key: str) -> bool:
        return key in self.named_vars or self.name_for(key) in self.named_vars

    def __getattr__(self, name: str) -> Any:
        found = self.__dict__.get("named_vars", {})
        if name in found:
            return found[name]
        raise AttributeError(f"A model has no attribute {name!r}, and this one no variable of that name.")

    # The variables, by what they are.

    @property
    def basic_RVs(self) -> list[TensorVariable]:
        """All random variables: the free ones, then the observed ones."""
        return self.free_RVs + self.observed_RVs

    @property
    def unobserved_RVs(self) -> list[TensorVariable]:
        """The free random variables, then the deterministics."""
        return self.free_RVs + self.deterministics

    @property
    def value_vars(self) -> list[TensorVariable]:
        """The value variables of the free random variables: the inputs of the model's log-probability."""
        return [self.rvs_to_values[rv] for rv in self.free_RVs]

    @property
    def continuous_value_vars(self) -> list[TensorVariable]:
        """The value variables that a gradient exists for."""
        return [v for v in self.value_vars if v.dtype.startswith("float")]

    @property
    def discrete_value_vars(self) -> list[TensorVariable]:
        """The value variables of integers and booleans."""
        return [v for v in self.value_vars if not v.dtype.startswith("float")]

    @property
    def unobserved_value_vars(self) -> list[TensorVariable]:
        """Value variables, transformed variables on their own scale, and deterministics, all in terms of the first."""
        transformed = [rv for rv in self.free_RVs if self.rvs_to_transforms[rv] is not None]
        return self.value_vars + self.replace_rvs_by_values(transformed + self.deterministics)

    @property
    def coords(self) -> dict[str, tuple[Any, ...] | None]:
        """The labels of the dimensions (None: numbered)."""
        return self.dimensions.coords

    @property
    def dim_lengths(self) -> dict[str, TensorVariable]:
        """The lengths of the dimensions, as integer scalars."""
        return self.dimensions.lengths

    # Copies.

    def copy(self) -> Model:
        """A model of the same variables, to which others can be added without changing this one.

        Variables never change, so both models have the same; data variables share their values too.
        """
        return surgery.exchange(self)

    __copy__ = copy

    def __deepcopy__(self, memo: Any) -> Model:
        return self.copy()

    def __getstate__(self) -> dict[str, Any]:
        """What a pickle holds: the model, and not what was compiled from it."""
        return {**self.__dict__, "cache": {}}

    def blank(self) -> Model:
        """A model without variables, whose names begin as they do in this one."""
        found = Model(check_bounds=self.check_bounds, model=None)
        found.name = self.prefix
        return found

    # Adding variables and dimensions.

    def add_coord(self, name: str, values: Any = None, *, length: Any = None, mutable: Any = None) -> None:
        """Add a dimension, with labels or just a length; `mutable` is accepted for compatibility, and ignored."""
        self.dimensions.add(name, values, length)

    def add_coords(self, coords: Mapping[str, Any], *, lengths: Mapping[str, Any] | None = None) -> None:
        """Add several dimensions."""
        for name, values in coords.items():
            self.add_coord(name, values, length=(lengths or {}).get(name))

    def set_dim(self, name: str, new_length: int, coord_values: Any = None) -> None:
        """Change a dimension's length or labels; refused where variables rely on a constant length."""
        self.dimensions.replace(name, new_length, coord_values)

    def shape_from_dims(self, dims: Any) -> tuple[Any, ...]:
        """The shape that dimensions stand for."""
        return self.dimensions.shape(as_dims(dims, "shape_from_dims") or (), "shape_from_dims")

    def set_data(self, name: str, values: Any, coords: Mapping[str, Any] | None = None) -> None:
        """Give a data variable another value, and its dimensions other labels; nothing is compiled anew."""
        set_data_variable(self, name, values, coords or {})

    def set_initval(self, rv_var: TensorVariable, initval: Any) -> None:
        """Set where a free random variable starts: "support_point", "prior", an array, an expression, or None."""
        initial.check_initval(rv_var, initval, self.shapes[rv_var])
        for model in self.lineage():
            model.rvs_to_initial_values[rv_var] = initval
            model.cache.clear()

    def add_named_variable(self, var: TensorVariable, dims: Any = None) -> None:
        """Register a variable that has a name, with its dims."""
        if not var.name:
            raise ValueError(f"{var!r} has no name to be registered under. {here()}")
        self.check_new(var.name)
        names = as_dims(dims, f"'{var.name}'")
        if names is not None:
            self.check_dims(var, names)
        for model in self.lineage():
            model.named_vars[var.name] = var
            model.cache.clear()
            if names is not None:
                model.named_vars_to_dims[var.name] = names

    def check_new(self, name: str) -> None:
        """Refuse a name that is taken."""
        for model in self.lineage():
            if name in model.named_vars:
                known = model.named_vars[name]
                made = f" (made at {describe(known.owner.line)})" if known.owner is not None else ""
                raise ValueError(
                    f"The model has a variable called {name!r} already{made}; choose another name. {here()}"
                )

    def check_dims(self, var: TensorVariable, names: tuple[str | None, ...]) -> None:
        """Refuse dims that do not fit the variable."""
        shape = try_shape(var, self.root.shapes)
        if shape is not None:
            self.dimensions.check(str(var.name), names, shape)
        self.dimensions.mark_used(str(var.name), names if var not in self.data_vars else ())

    def register_data_var(self, data: Any, dims: Any = None) -> None:
        """Register a data variable that was made elsewhere; `pm.Data` makes and registers one."""
        for model in self.lineage():
            model.data_vars.append(data)
        self.add_named_variable(data, dims)

    def register_rv(
        self,
        rv_var: TensorVariable,
        name: str,
        *,
        observed: Any = None,
        total_size: Any = None,
        dims: Any = None,
        default_transform: Any = ...,
        transform: Any = ...,
        initval: Any = None,
    ) -> TensorVariable:
        """Register a random variable, with its data if it is observed.

        Parameters
        ----------
        rv_var : TensorVariable
            A draw; it is given its full name.
        name : str
        observed : array, data variable or expression of such, optional
        total_size : int or sequence of int, None and ..., optional
            The lengths of the whole data, where those given are a part: the log-probability is scaled up to them.
        dims : str or sequence of str, optional
        default_transform, transform : bijection or None, optional
            Between the values of the variable and the unconstrained values that samplers see; by default by support.
        initval : array, expression, "support_point" or "prior", optional

        Raises
        ------
        ValueError, TypeError, ShapeError
            When name, dims, shape or data do not fit, with the line that asked for it.
        """
        full = self.name_for(name)
        self.check_new(full)
        whole = as_total_size(full, total_size, rv_var.ndim)
        rv_var.name = full
        names = as_dims(dims, f"'{full}'")
        self.adopt_dims(rv_var, names)
        shape = current_shape(rv_var, self.root.shapes)
        data: Any
        data, missing = as_observed(full, observed, rv_var.dtype)
        if data is not None:
            check_fits(full, data.shape if isinstance(data, np.ndarray) else current_shape(data, {}), shape)
        elif initval is not None:
            initial.check_initval(rv_var, initval, shape)
        if missing is not None:
            imputation.warn(full, missing)
            how = {"default_transform": default_transform, "transform": transform, "initval": initval}
            if not missing.all():
                if whole is not None:
                    raise ValueError(f"'{full}' has a total_size and missing data, which exclude each other. {here()}")
                return self.register_partly_observed(rv_var, full, data, missing, names, how)
            data = None
        bijection, value = value_variable(rv_var, data, default_transform, transform)  # type: ignore[arg-type]
        self.add_named_variable(rv_var, names)
        self.record(rv_var, value, bijection, shape, initval, observed=data is not None)
        if whole is not None:
            for model in self.lineage():
                model.total_sizes[rv_var] = whole
        return rv_var

    def make_obs_var(
        self, rv_var: TensorVariable, data: Any, dims: Any, default_transform: Any, transform: Any, total_size: Any
    ) -> TensorVariable:
        """Register a named draw as observed; :meth:`register_rv` does the same and is easier to read."""
        how = {"default_transform": default_transform, "transform": ... if transform is None else transform}
        return self.register_rv(rv_var, str(rv_var.name), observed=data, dims=dims, total_size=total_size, **how)

    def create_value_var(
        self, rv_var: TensorVariable, *, default_transform: Any, transform: Any, value_var: Any = None
    ) -> TensorVariable:
        """The value variable of a named draw that is no part of the model yet, and remember how they are related.

        :meth:`register_rv` does this for what it registers. With `value_var` that is it.
        """
        bijection, value = value_variable(rv_var, value_var, default_transform, ... if transform is None else transform)
        for model in self.lineage():
            model.rvs_to_values[rv_var], model.values_to_rvs[value] = value, rv_var
            model.rvs_to_transforms[rv_var] = bijection
        return value

    def register_partly_observed(
        self, rv: TensorVariable, name: str, data: Any, missing: np.ndarray, dims: Any, how: dict[str, Any]
    ) -> TensorVariable:
        """Register what is observed of a variable, what is missing, and both together under its name."""
        parts = imputation.split(rv, name, missing)
        imputation.register_parts(self, parts, name, data, **how)
        return Deterministic(name, parts.whole, self, dims)

    def adopt_dims(self, rv: TensorVariable, names: tuple[str | None, ...] | None) -> None:
        """Learn the lengths of new dimensions from a variable whose shape was given."""
        for axis, dim in enumerate(names or ()):
            if dim is not None and dim not in self.dim_lengths and axis < rv.ndim:
                self.add_coord(dim, length=rv.shape[axis])

    def record(
        self, rv: TensorVariable, value: TensorVariable, bijection: Any, shape: Shape, initval: Any, *, observed: bool
    ) -> None:
        """Remember a random variable in this model and those that it is part of."""
        for model in self.lineage():
            (model.observed_RVs if observed else model.free_RVs).append(rv)
            model.rvs_to_values[rv], model.values_to_rvs[value] = value, rv
            model.rvs_to_transforms[rv] = bijection
            model.shapes[rv] = shape
            if not observed:
                model.rvs_to_initial_values[rv] = initval


def check_name(name: Any) -> str:
    """A name that variables and models can have."""
    if not isinstance(name, str):
        raise TypeError(
            f"A variable's name is a string, not {name!r}; a variable without name is made with `.dist(...)`. {here()}"
        )
    if not name or name.endswith(":"):
        raise ValueError(f"A name must not be empty or end with ':', as {name!r} does. {here()}")
    return name
