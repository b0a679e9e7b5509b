"""Compare what models and inference offer with what PyMC's users know: writes docs/pymc.md from two tables."""

import inspect
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pellucid as pm
from pellucid.inference.options import NEEDLESS
from pellucid.inference.steps.methods import StepMethod

ROOT = Path(__file__).resolve().parent.parent
NAMES, FEATURES, PAGE = (ROOT / "docs" / name for name in ("pymc_names.tsv", "features.tsv", "pymc.md"))
TAKEN_ELSEWHERE = {"sample": {*NEEDLESS, "nuts_sampler"}}
"""Arguments that a function takes though its signature does not name them."""

MEANINGS = {
    "same": "works as in PyMC",
    "partly": "works, but for what the note says",
    "otherwise": "done in another way",
    "missing": "not here",
}


class Name(NamedTuple):
    """One name of PyMC: at its root, or with a leading dot of its models."""

    name: str
    tier: str
    arguments: str
    note: str

    @property
    def found(self) -> object:
        """What has the name here, or None."""
        with pm.Model() as model:
            return getattr(model, self.name[1:], None) if self.name[0] == "." else getattr(pm, self.name, None)

    @property
    def here(self) -> bool:
        """Whether the same name is public here, and means the same."""
        if self.note:
            return False
        with pm.Model() as model:
            return hasattr(model, self.name[1:]) if self.name[0] == "." else hasattr(pm, self.name)

    @property
    def refused(self) -> list[str]:
        """PyMC's arguments that are not taken."""
        return [a for a in self.arguments.split() if a not in self.taken()]

    def taken(self) -> set[str]:
        """The arguments that are taken."""
        found = self.found
        known = set(TAKEN_ELSEWHERE.get(self.name, ()))
        if isinstance(found, type) and issubclass(found, StepMethod):
            return known | {"vars", "model", *found.ignored, *found.accepted()}
        if not callable(found):
            return known
        parameters = inspect.signature(found).parameters.values()
        if any(p.kind is p.VAR_KEYWORD for p in parameters):  # what they are, the function behind this one says
            return known | set(self.arguments.split())
        return known | {p.name for p in parameters}


class Feature(NamedTuple):
    """One capability of PyMC."""

    group: str
    capability: str
    tier: str
    status: str
    note: str


def read(path: Path, kind: type) -> list:
    """The rows of a table, one a line."""
    return [kind(*line.split("\t")) for line in path.read_text(encoding="utf-8").splitlines()[1:]]


def features_table(features: Sequence[Feature]) -> list[str]:
    """Counts by tier and status, then every row."""
    lines = [f"| Tier | {' | '.join(MEANINGS)} | rows |", "|---|--:|--:|--:|--:|--:|"]
    for tier in ("T1", "T2"):
        counts = Counter(f.status for f in features if f.tier == tier)
        lines.append(f"| {tier} | {' | '.join(str(counts[s]) for s in MEANINGS)} | {counts.total()} |")
    lines += ["", "| | Capability | Tier | Here | Note |", "|---|---|---|---|---|"]
    return lines + [f"| {f.group} | {f.capability} | {f.tier} | {f.status} | {f.note} |" for f in features]


def names_table(names: Sequence[Name]) -> list[str]:
    """Counts by tier, then the names that are not the same."""
    lines = ["| Tier | Names | Same | Share, % |", "|---|--:|--:|--:|"]
    for tier in ("T1", "T2", "T3", "-"):
        own = [n for n in names if n.tier == tier]
        same = sum(n.here for n in own)
        lines.append(f"| {tier} | {len(own)} | {same} | {100 * same / len(own):.0f} |")
    lines += ["", "| Name | Tier | What to do |", "|---|---|---|"]
    return lines + [f"| `{n.name}` | {n.tier} | {n.note} |" for n in names if not n.here]


def render() -> str:
    """The page."""
    meanings = "; ".join(f"*{status}*: {meaning}" for status, meaning in MEANINGS.items())
    return "\n".join([
        "# What PyMC offers, and what of it is here", "",
        "Made by `tools/pymc_table.py` from `docs/features.tsv` and `docs/pymc_names.tsv`. Tiers: T1, nearly every",
        "user needs it; T2, many do; T3, specialised; -, modules of PyMC's source. Distributions are in",
        "[their own list](distributions.md), the tensor language [in another](names.md).", "",
        "## Capabilities of models, inference and results", "",
        f"{meanings}. The tests run each that works (`tests/model/pymc_features.py`).", "",
        *features_table(read(FEATURES, Feature)), "",
        "## Names", "",
        "Public names of `pymc` 6.4 and, with a dot, of its models. Those that are the same take PyMC's arguments; the",
        "others are listed.", "",
        *names_table(read(NAMES, Name)), "",
    ])  # fmt: skip


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
