"""Write a graph as mathematics: one line of text, or LaTeX."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pellucid.graph.nodes import Apply, Variable
from pellucid.graph.traverse import as_list, toposort

LONGEST = 240
"""Characters after which a part is given a name of its own, so that sharing and long chains stay readable."""
SHARED = 30
"""Characters from which a part that is read more than once gets a name."""

LOOSEST, COMPARED, SUM, PRODUCT, SIGN, POWER, ATOM = 0, 1, 2, 3, 4, 5, 6


class Formula(NamedTuple):
    """A piece of mathematics, and how tightly its outermost operation binds."""

    text: str
    binds: int = ATOM


INFIX = {
    "add": ("+", SUM), "sub": ("-", SUM), "mul": ("*", PRODUCT), "true_div": ("/", PRODUCT),
    "floor_div": ("//", PRODUCT), "mod": ("%", PRODUCT), "MatMul": ("@", PRODUCT), "pow": ("**", POWER),
    "lt": ("<", COMPARED), "le": ("<=", COMPARED), "gt": (">", COMPARED), "ge": (">=", COMPARED),
    "eq": ("==", COMPARED), "neq": ("!=", COMPARED),
    "and_": ("&", COMPARED), "or_": ("|", COMPARED),
    "xor": ("^", COMPARED), "bitwise_and": ("&", COMPARED), "bitwise_or": ("|", COMPARED),
    "bitwise_xor": ("^", COMPARED), "logical_and": ("&", COMPARED), "logical_or": ("|", COMPARED),
    "left_shift": ("<<", COMPARED), "right_shift": (">>", COMPARED),
}  # fmt: skip
"""Operations between two operands: the sign, and how tightly it binds."""

LATEX_INFIX = {
    "mul": r" \, ", "MatMul": r" \, ", "floor_div": r" \div ", "mod": r" \bmod ", "lt": " < ", "le": r" \le ",
    "gt": " > ", "ge": r" \ge ", "eq": " = ", "neq": r" \ne ", "and_": r" \land ", "or_": r" \lor ",
    "xor": r" \oplus ", "add": " + ", "sub": " - ", "bitwise_and": r" \land ", "bitwise_or": r" \lor ",
    "bitwise_xor": r" \oplus ", "logical_and": r" \land ", "logical_or": r" \lor ",
    "left_shift": r" \ll ", "right_shift": r" \gg ",
}  # fmt: skip

LATEX_NAMES = {
    "gammaln": r"\log \Gamma", "gamma": r"\Gamma", "digamma": r"\psi", "sigmoid": r"\sigma", "sum": r"\sum",
    "prod": r"\prod", "ndtr": r"\Phi", "beta": r"\mathrm{B}", "zeta": r"\zeta", "exp": r"\exp", "log": r"\log",
    "sin": r"\sin", "cos": r"\cos", "tan": r"\tan", "sinh": r"\sinh", "cosh": r"\cosh", "tanh": r"\tanh",
    "arcsin": r"\arcsin", "arccos": r"\arccos", "arctan": r"\arctan", "max": r"\max", "min": r"\min",
}  # fmt: skip
"""Functions with a sign of their own; others are written upright."""

GREEK = frozenset({
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi",
    "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega", "Gamma", "Delta", "Theta", "Lambda", "Xi",
    "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega",
})  # fmt: skip

INVISIBLE = frozenset({"BroadcastTo", "SpecifyShape", "CheckAndRaise", "Print"})
"""Ops whose first input says all that mathematics would."""


PREFIX = {"Cumulate": "cum"}
CLASSES = {"LogSumExp": "logsumexp", "ARange": "arange", "FromFunctionOp": "python"}
"""Names of functions that are not those of their classes."""


def latex_number(text: str) -> str:
    r"""A constant as LaTeX writes it.

    Examples
    --------
    >>> latex_number("-inf"), latex_number("3e-20")
    ('-\\infty', '3 \\cdot 10^{-20}')
    """
    if "inf" in text and text.lstrip("-") == "inf":
        return text.replace("inf", r"\infty")
    digits, e, exponent = text.partition("e")
    if e and exponent.lstrip("+-").isdigit():
        return rf"{digits} \cdot 10^{{{int(exponent)}}}"
    return text if not text[:1].isalpha() else rf"\mathrm{{{escaped(text)}}}"


def symbol(name: str) -> str:
    r"""A name as LaTeX writes it: Greek letters, subscripts, words upright.

    Examples
    --------
    >>> symbol("mu_0"), symbol("sigma_obs"), symbol("rate")
    ('\\mu_{0}', '\\sigma_{\\mathrm{obs}}', '\\mathrm{rate}')
    """
    head, _, tail = name.partition("_")
    first = f"\\{head}" if head in GREEK else head if len(head) == 1 else rf"\mathrm{{{escaped(head)}}}"
    if not tail:
        return first
    return f"{first}_{{{tail if tail.isdigit() or len(tail) == 1 else symbol_word(tail)}}}"


def symbol_word(word: str) -> str:
    """A subscript."""
    return f"\\{word}" if word in GREEK else rf"\mathrm{{{escaped(word)}}}"


def escaped(text: str) -> str:
    """Text with what means something to LaTeX made plain."""
    for mark in "\\{}":
        text = text.replace(mark, " ")
    for mark in "_&%$#":
        text = text.replace(mark, f"\\{mark}")
    return text


@dataclass
class Writer:
    """Writes the nodes of one graph, each once.

    Attributes
    ----------
    latex : bool
    readers : dict
        How often each variable is read.
    lines : list of (name, text)
        The parts that have names of their own.
    """

    latex: bool
    readers: dict[Variable, int]
    lines: list[tuple[str, str]] = field(default_factory=list)
    known: dict[Variable, Formula] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    def read(self, v: Variable) -> Formula:
        """What stands for a variable."""
        found = self.known.get(v)
        if found is None:
            found = self.known[v] = self.root(v)
        return found

    def root(self, v: Variable) -> Formula:
        """A name or a number."""
        text = str(v)
        if v.name is None and text.startswith("<"):
            text = "x"  # nameless; its type says nothing here
        if v.has_value and v.name is None:
            number = text.removesuffix(".").replace(".e", "e")
            return Formula(latex_number(number) if self.latex else number, SIGN if number.startswith("-") else ATOM)
        return Formula(symbol(text) if self.latex else text)

    def bracketed(self, f: Formula, binds: int) -> str:
        """A formula as an operand of an operation that binds so tightly."""
        if f.binds >= binds:
            return f.text
        return rf"\left({f.text}\right)" if self.latex else f"({f.text})"

    def node(self, node: Apply, *, last: bool) -> None:
        """Write one application; what is long or read again and long gets a name."""
        formula = self.formula(node)
        for v in node.outputs:
            alone = len(node.outputs) == 1 or hasattr(node.op, "law")  # of a draw only the second output is read
            own = formula if alone else self.output(formula, v)
            often = self.readers.get(v, 0) > 1 and len(own.text) > SHARED
            if not last and (often or len(own.text) > LONGEST):
                name = v.name or f"t{len(self.lines) + 1}"
                name = name if name not in self.taken else f"{name}_{len(self.lines) + 1}"
                self.taken.add(name)
                self.lines.append((symbol(name) if self.latex else name, own.text))
                own = Formula(self.lines[-1][0])
            self.known[v] = own

    def output(self, f: Formula, v: Variable) -> Formula:
        """One of several outputs."""
        return Formula(f"{self.bracketed(f, ATOM)}{'_' if self.latex else '.'}{v.index}")

    def formula(self, node: Apply) -> Formula:
        """One application as mathematics."""
        name = name_of(node.op)
        parts = [self.read(v) for v in node.inputs]
        if name in INFIX and len(parts) == 2:
            return self.infix(name, parts)
        special = special_of(node.op) or SPECIAL.get(name)
        found = None if special is None else special(self, node, parts)
        return found if found is not None else self.function(name, parts, parameters_of(node))

    def infix(self, name: str, parts: Sequence[Formula]) -> Formula:
        """An operation between two operands."""
        sign, binds = INFIX[name]
        left, right = parts
        if self.latex and name == "true_div":
            return Formula(rf"\frac{{{left.text}}}{{{right.text}}}", PRODUCT)
        if self.latex and name == "pow":
            return Formula(f"{self.bracketed(left, ATOM)}^{{{right.text}}}", POWER)
        # a + (b + c) keeps its brackets: it rounds otherwise than a + b + c.
        looser, tighter = (binds + 1, binds) if name == "pow" else (binds, binds + 1)
        if binds == COMPARED:  # no chains: a < b < c means something else
            looser = binds + 1
        text = LATEX_INFIX[name] if self.latex else f" {sign} "
        after = self.bracketed(right, ATOM if right.text.startswith("-") and name != "pow" else tighter)
        if self.latex and name == "mul" and after[:1].isdigit():
            text = r" \cdot "
        # Unlike a product, a remainder changes when a sign or a factor moves into it.
        outer = SUM if name in ("mod", "floor_div") else binds
        return Formula(self.bracketed(left, looser) + text + after, outer)

    def function(self, name: str, parts: Sequence[Formula], parameters: str = "") -> Formula:
        """A function of its arguments: what every op can be written as."""
        arguments = ", ".join([p.text for p in parts] + ([parameters] if parameters else []))
        if not self.latex:
            return Formula(f"{name}({arguments})")
        shown = LATEX_NAMES.get(name, rf"\operatorname{{{escaped(name)}}}")
        return Formula(rf"{shown}\left({arguments}\right)")


def name_of(op: Any) -> str:
    """What an op is called in formulae."""
    law = getattr(op, "law", None)
    if law is not None:
        return str(law.name)
    kind = type(op).__name__
    own = getattr(op, "name", None)
    if own:
        return PREFIX.get(kind, "") + str(own)
    if kind in INFIX or kind in SPECIAL:
        return kind
    return CLASSES.get(kind) or re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind).lower()


def parameters_of(node: Apply) -> str:
    """The static parameters of a reduction, where they say something."""
    axes = getattr(node.op, "axes", None)
    axis = getattr(node.op, "axis", None)
    ndim = len(getattr(node.inputs[0].type, "shape", ())) if node.inputs else 0
    if axes is not None and len(axes) < ndim:
        return f"axis={axes[0] if len(axes) == 1 else tuple(axes)}"
    return f"axis={axis}" if axis is not None and ndim > 1 else ""


Special = Callable[[Writer, Apply, Sequence[Formula]], Formula | None]


def negative(w: Writer, _node: Apply, parts: Sequence[Formula]) -> Formula:
    """The opposite sign."""
    return Formula(f"-{w.bracketed(parts[0], PRODUCT)}", SIGN if parts[0].binds > PRODUCT else PRODUCT)


def power(exponent: str) -> Special:
    """x to a fixed power."""
    def write(w: Writer, _node: Apply, parts: Sequence[Formula]) -> Formula:
        base = w.bracketed(parts[0], ATOM)
        return Formula(f"{base}^{{{exponent}}}" if w.latex else f"{base} ** {exponent}", POWER)

    return write


def root_sign(w: Writer, _node: Apply, parts: Sequence[Formula]) -> Formula:
    """A square root."""
    return Formula(rf"\sqrt{{{parts[0].text}}}" if w.latex else f"sqrt({parts[0].text})")


def absolute(w: Writer, _node: Apply, parts: Sequence[Formula]) -> Formula:
    """Bars around the argument."""
    return Formula(rf"\left|{parts[0].text}\right|" if w.latex else f"|{parts[0].text}|")


def one_over(w: Writer, _node: Apply, parts: Sequence[Formula]) -> Formula:
    """A reciprocal."""
    if w.latex:
        return Formula(rf"\frac{{1}}{{{parts[0].text}}}", PRODUCT)
    return Formula(f"1 / {w.bracketed(parts[0], SIGN)}", PRODUCT)


def exponential(w: Writer, _node: Apply, parts: Sequence[Formula]) -> Formula | None:
    """A power of e where the exponent is short."""
    return Formula(f"e^{{{parts[0].text}}}", POWER) if w.latex and len(parts[0].text) < 12 else None


def cases(w: Writer, node: Apply, parts: Sequence[Formula]) -> Formula | None:
    """One of two values."""
    condition, yes, no = parts
    if w.latex:
        body = rf"{yes.text} & \text{{if }} {condition.text} \\ {no.text} & \text{{otherwise}}"
        return Formula(rf"\begin{{cases}} {body} \end{{cases}}")
    return Formula(f"({yes.text} if {condition.text} else {no.text})")


def reordered(w: Writer, node: Apply, parts: Sequence[Formula]) -> Formula | None:
    """Axes of length one that come or go say nothing in a formula; reversed axes are a transpose."""
    order = [a for a in node.op.order if not isinstance(a, str)]
    if order == sorted(order):
        return parts[0]
    if order == sorted(order, reverse=True):
        return Formula(f"{w.bracketed(parts[0], ATOM)}^\\top" if w.latex else f"{w.bracketed(parts[0], ATOM)}.T")
    return None


def indexed(w: Writer, node: Apply, parts: Sequence[Formula]) -> Formula:
    """An element, or a part."""
    rest = iter(parts[1:])
    entries = []
    for e in node.op.entries:
        text = str(e)
        while "?" in text:
            text = text.replace("?", next(rest).text, 1)
        entries.append(text)
    while len(entries) > 1 and entries[-1] == ":":
        entries.pop()
    inside = ", ".join(entries)
    x = w.bracketed(parts[0], ATOM)
    return Formula(f"{x}_{{{inside}}}" if w.latex else f"{x}[{inside}]")


def changed(w: Writer, node: Apply, parts: Sequence[Formula]) -> Formula:
    """A tensor with a part replaced or added to."""
    target = indexed(w, node, [parts[0], *parts[2:]]).text
    verb = "set" if node.op.sets else "inc"
    return w.function(f"{verb}_subtensor", [Formula(target), parts[1]])


def gathered(w: Writer, node: Apply, parts: Sequence[Formula]) -> Formula | None:
    """Elements at positions that are computed."""
    axes = node.op.axes
    if axes != tuple(range(len(axes))):
        return None
    x, inside = w.bracketed(parts[0], ATOM), ", ".join(p.text for p in parts[1:])
    return Formula(f"{x}_{{{inside}}}" if w.latex else f"{x}[{inside}]")


def inverted(w: Writer, _node: Apply, parts: Sequence[Formula]) -> Formula:
    """The inverse of a matrix."""
    x = w.bracketed(parts[0], ATOM)
    return Formula(f"{x}^{{-1}}" if w.latex else f"{x} ** -1", POWER)


def drawn(w: Writer, node: Apply, parts: Sequence[Formula]) -> Formula:
    """A draw as its distribution: the generator and the size are no part of it."""
    name = node.op.law.name.replace("_", " ").title().replace(" ", "")
    inside = ", ".join(p.text for p in parts[2:])
    return Formula(rf"\operatorname{{{name}}}\left({inside}\right)" if w.latex else f"{name}({inside})")


def first_input(_w: Writer, _node: Apply, parts: Sequence[Formula]) -> Formula:
    """Nothing but the input."""
    return parts[0]


def listed(w: Writer, _node: Apply, parts: Sequence[Formula]) -> Formula:
    """What is joined, in brackets."""
    inside = ", ".join(p.text for p in parts)
    return Formula(rf"\left[{inside}\right]" if w.latex else f"[{inside}]")


def extent(w: Writer, node: Apply, parts: Sequence[Formula]) -> Formula | None:
    """The length of an axis."""
    if w.latex:
        return Formula(rf"\dim_{{{node.op.axis}}} {w.bracketed(parts[0], ATOM)}")
    return Formula(f"{w.bracketed(parts[0], ATOM)}.shape[{node.op.axis}]")


SPECIAL: dict[str, Special] = {
    "neg": negative, "square": power("2"), "sqr": power("2"), "sqrt": root_sign, "abs": absolute,
    "reciprocal": one_over, "exp": exponential, "switch": cases, "where": cases, "DimShuffle": reordered,
    "Subtensor": indexed,
    "IncSubtensor": changed, "Gather": gathered, "Inverse": inverted, "Join": listed, "Dim": extent,
    **dict.fromkeys(INVISIBLE, first_input),
}  # fmt: skip
"""Ops that mathematics writes in ways of their own; all others are functions of their inputs."""


def special_of(op: Any) -> Special | None:
    """How an op is written where its name does not say it."""
    if hasattr(op, "law"):
        return drawn
    if str(getattr(op, "name", "")).startswith("cast_"):
        return first_input
    return None


def write(graph: Any, *, latex: bool) -> tuple[list[tuple[str, str]], list[str]]:
    """The named parts of a graph in order, and the formulae of its outputs."""
    outputs = as_list(getattr(graph, "outputs", graph))
    nodes = toposort(outputs)
    readers: dict[Variable, int] = {}
    for v in [v for node in nodes for v in node.inputs]:
        readers[v] = readers.get(v, 0) + 1
    writer = Writer(latex, readers)
    final = {v.owner for v in outputs}
    for node in nodes:
        writer.node(node, last=node in final and not any(readers.get(v) for v in node.outputs))
    return writer.lines, [writer.read(v).text for v in outputs]


def pprint(graph: Variable | Iterable[Variable]) -> str:
    """A graph as mathematics in text, with no more brackets than Python would need to compute the same.

    Parts that are long, or read more than once and not short, get names and lines of their own before the result.

    Parameters
    ----------
    graph : Variable, iterable of Variable, or an object with `.outputs`

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> x, mu, sigma = pt.vector("x"), pt.scalar("mu"), pt.scalar("sigma")
    >>> print(pprint(-0.5 * ((x - mu) / sigma) ** 2 - pt.log(sigma)))
    -0.5 * ((x - mu) / sigma) ** 2 - log(sigma)
    """
    named, results = write(graph, latex=False)
    return "\n".join([*(f"{name} = {text}" for name, text in named), *results])


pp = pprint


def latex(graph: Variable | Iterable[Variable]) -> str:
    r"""A graph as mathematics in LaTeX (for display mode).

    Examples
    --------
    >>> import pellucid.tensor as pt
    >>> x, mu, sigma = pt.vector("x"), pt.scalar("mu"), pt.scalar("sigma")
    >>> print(latex((x - mu) / sigma))
    \frac{x - \mu}{\sigma}
    """
    named, results = write(graph, latex=True)
    lines = [*(f"{name} = {text}" for name, text in named), *results]
    return lines[0] if len(lines) == 1 else r"\begin{gathered} " + r" \\ ".join(lines) + r" \end{gathered}"
