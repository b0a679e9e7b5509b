"""Compare the public names with those that PyTensor's users know: writes docs/names.md from docs/names.tsv."""

import pkgutil
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path
from textwrap import fill
from typing import NamedTuple

import pellucid.tensor as pt
from pellucid.graph.nodes import Op
from pellucid.tensor.elementwise import ELEMENTWISE, Elementwise
from pellucid.tensor.loop import Scan

ROOT = Path(__file__).resolve().parent.parent
NAMES = ROOT / "docs" / "names.tsv"
TABLE = ROOT / "docs" / "names.md"
TIERS = {
    "T1": "nearly every model needs it",
    "T2": "many models need it",
    "T3": "specialised",
    "-": "not rated",
}


CALLBACKS = """
Elementwise functions without native code, for which compiled functions call the reference in Python:
{names}.

Other ops of which the same is true: a library does the work from Python (FFT, matrix functions, sorting), the result
is complex or of unknown length, or the function is the user's:
{ops}."""


class Name(NamedTuple):
    """One name of PyTensor: of `pytensor.tensor`, or with a leading dot an attribute of its tensors."""

    name: str
    tier: str
    note: str

    @property
    def here(self) -> bool:
        """Whether the same name is public here."""
        if self.note.startswith("leaked"):
            return False
        if self.name.startswith("."):
            return hasattr(pt.TensorVariable, self.name[1:])
        return hasattr(pt, self.name)

    @property
    def status(self) -> str:
        """`same`, `renamed`, `left out`, or `missing` where nobody has said why it is not here."""
        if self.here:
            return "same"
        if not self.note:
            return "missing"
        return "renamed" if self.note.startswith("now ") else "left out"


def read_names() -> list[Name]:
    """The names, one a line: name, tier, and for those not the same what they are called now or why they are not."""
    lines = NAMES.read_text(encoding="utf-8").splitlines()[1:]
    return [Name(*line.split("\t")) for line in lines]


def share(names: list[Name]) -> float:
    """The percentage of names that are the same."""
    return 100 * sum(n.here for n in names) / len(names)


def overview(names: list[Name]) -> list[str]:
    """The count of each status by tier."""
    lines = ["| Tier | Names | Same | Renamed | Left out | Missing | Same, % |", "|---|--:|--:|--:|--:|--:|--:|"]
    for tier, meaning in TIERS.items():
        own = [n for n in names if n.tier == tier]
        counts = Counter(n.status for n in own)
        cells = [counts[s] for s in ("same", "renamed", "left out", "missing")]
        lines.append(f"| {tier}: {meaning} | {len(own)} | {' | '.join(map(str, cells))} | {share(own):.1f} |")
    return lines


def callbacks() -> list[str]:
    """The elementwise functions that compiled code cannot compute itself."""
    pt.math.declare_all()
    found = [name for name, op in ELEMENTWISE.items() if op.llvm is None and op.expansion is None]
    names = fill(", ".join(f"`{n}`" for n in sorted(found)), 118)
    ops = fill(", ".join(f"`{n}`" for n in sorted(ops_in_python())), 118)
    return CALLBACKS.format(names=names, ops=ops).splitlines()


def ops_in_python(base: type[Op] = Op) -> set[str]:
    """The classes of ops that have neither a native form nor simpler ops to be written in."""
    for module in pkgutil.walk_packages(pt.__path__, pt.__name__ + "."):
        import_module(module.name)
    found = set()
    for kind in base.__subclasses__():
        found |= ops_in_python(kind)
        native = kind in (Elementwise, Scan) or hasattr(kind, "lowering") or hasattr(kind, "expand_loops")
        public = kind.__module__.startswith("pellucid.tensor") and kind.impl is not Op.impl
        if public and not native and kind.expand is Op.expand:
            found.add(kind.__name__)
    return found


def render(names: list[Name]) -> str:
    """The table as Markdown."""
    rows = [f"| `{n.name}` | {n.tier} | {n.status} | {'' if n.here else n.note} |" for n in names]
    return "\n".join(
        [
            "# PyTensor's names in pellucid",
            "",
            "Made by `tools/name_table.py` from `docs/names.tsv`: the public names of `pytensor.tensor` 3.3.7, and",
            "with a leading dot the attributes of its tensors, and whether `pellucid.tensor` has the same.",
            "",
            *overview(names),
            *callbacks(),
            "",
            "| Name | Tier | Status | Note |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def main() -> None:
    """Write the table, and print what is missing."""
    names = read_names()
    TABLE.write_text(render(names), encoding="utf-8")
    sys.stdout.write("\n".join(overview(names)) + "\n")
    for tier in TIERS:
        missing = [n.name for n in names if n.tier == tier and n.status == "missing"]
        sys.stdout.write(f"{tier} missing: {' '.join(missing)}\n")


if __name__ == "__main__":
    main()
