"""Write the IR module of a plan: the body, and the entry points that hand it its pointers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.compile.llvm import math
from pellucid.compile.llvm.kernel import Failure, Kernel
from pellucid.compile.llvm.loops import emit_group
from pellucid.compile.llvm.lower import Extent
from pellucid.compile.llvm.plan import Plan, StepPlan, is_scalar
from pellucid.compile.llvm.sequential import ring_length, ring_states
from pellucid.compile.llvm.sinks import Sink
from pellucid.graph.nodes import Apply, Variable
from pellucid.rewrite.passes import is_on
from pellucid.tensor.loop import Scan


@dataclass(frozen=True)
class Slot:
    """A piece of workspace, which several variables may use one after another."""

    extents: tuple[Extent, ...]
    itemsize: int


@dataclass(frozen=True)
class Module:
    """A written module, and what must be known to call it.

    The body's pointers are, in order: `plan.roots`, the memory of the outputs (`outputs`), the workspace `slots`; last
    the table of lengths, whose entries are the `symbols`.
    """

    text: str
    plan: Plan
    outputs: list[Variable]
    slots: list[Slot]
    symbols: list[Extent]
    failures: list[Failure]
    host_nodes: list[Apply]
    routines: list[str]
    groups: int
    passes: dict[str, int]


def needs_memory(plan: Plan) -> list[Variable]:
    """The stored variables that have memory of their own: not outputs, not inside a join, not scalars in registers."""
    outputs = set(plan.outputs)
    found = []
    for v, sinks in plan.stored.items():
        register = is_scalar(v) and all(s.kind in ("reduce", "store") and not s.offset for s in sinks)
        if v not in outputs and v not in plan.placed and not register and not lives_in_loop(plan, v, sinks[0]):
            found.append(v)
    return found


def lives_in_loop(plan: Plan, v: Variable, sink: Sink) -> bool:
    """Whether a result of a loop is a scalar that stays in a register, or is read by nobody."""
    if sink.kind != "scan":
        return False
    op: Scan = sink.node.op
    collected = op.states <= v.index < op.states + len(op.collected)
    return not plan.is_read(v) or (is_scalar(v) and not collected)


def lifetimes(plan: Plan) -> dict[Variable, tuple[int, int]]:
    """For each stored variable the first group that writes it and the last that touches it."""
    home = lambda v: plan.placed.get(v, (v,))[0]  # noqa: E731
    found: dict[Variable, tuple[int, int]] = {}

    def touch(v: Variable, place: int) -> None:
        first, last = found.get(home(v), (place, place))
        found[home(v)] = min(first, place), max(last, place)

    for place, group in enumerate(plan.groups):
        for sink in group.sinks:
            for v in sink.outputs:
                touch(v, place)
    for v, places in plan.touched().items():
        if v in plan.stored:
            for place in places:
                touch(v, place)
    return found


def assign_slots(plan: Plan) -> tuple[list[Slot], dict[Variable, int]]:
    """Give each stored variable a slot; a slot is used again when what it held is no longer read."""
    slots: list[Slot] = []
    number: dict[Variable, int] = {}
    free: dict[Slot, list[int]] = {}
    life = lifetimes(plan)
    reuses = is_on("reuse")
    expiring: dict[int, list[tuple[Slot, int]]] = {}
    members: dict[int, list[Variable]] = {}
    for v in needs_memory(plan):
        members.setdefault(life[v][0], []).append(v)
    for place in range(len(plan.groups)):
        for v in members.get(place, ()):
            slot = slot_for(plan, v)
            if reuses and free.get(slot):
                number[v] = free[slot].pop()
            else:
                number[v] = len(slots)
                slots.append(slot)
            expiring.setdefault(life[v][1], []).append((slot, number[v]))
        for slot, i in expiring.get(place, ()):
            free.setdefault(slot, []).append(i)
    for step in plan.loops.values():
        add_step_slots(step, slots, number)
    return slots, number


def slot_for(plan: Plan, v: Variable, copies: int = 1) -> Slot:
    """A slot that holds a variable, or several of its kind."""
    extents = [n for n in (copies, *plan.shape(v)) if n != 1]
    extents.sort(key=lambda n: (isinstance(n, int), id(n) if not isinstance(n, int) else n))
    return Slot(tuple(extents), np.dtype(v.type.dtype).itemsize)


def add_step_slots(step: StepPlan, slots: list[Slot], number: dict[Variable, int]) -> None:
    """Slots for what each step of a loop stores, and for the states that it carries."""
    own, places = assign_slots(step)
    number.update((v, len(slots) + i) for v, i in places.items())
    step.memory = list(places)
    slots.extend(own)
    for v in ring_states(step):
        number[v] = len(slots)
        slots.append(slot_for(step, v, ring_length(step, v)))


def write_module(inputs: list[Variable], outputs: list[Variable], *, density: bool = False) -> Module:
    """Plan a lowered graph, and write it as a module of text IR.

    Exports ``pellucid_main(ptr args) -> i32``, where `args` holds the body's pointers in order; with `density` also
    ``pellucid_density(ptr x, ptr logp, ptr grad, ptr args) -> i32``, which takes the first root and both outputs apart.
    """
    plan = Plan(inputs, outputs)
    targets = list(dict.fromkeys(plan.outputs))
    slots, number = assign_slots(plan)
    pointers: dict[Variable, Any] = {v: f"%r{i}" for i, v in enumerate(plan.roots)}
    pointers |= {v: f"%o{i}" for i, v in enumerate(targets)}
    pointers |= {v: f"%w{i}" for v, i in number.items()}
    kernel = Kernel(plan, pointers, reciprocals=density)
    for group in plan.groups:
        emit_group(kernel, group)
    names = [
        *(f"%r{i}" for i in range(len(plan.roots))),
        *(f"%o{i}" for i in range(len(targets))),
        *(f"%w{i}" for i in range(len(slots))),
    ]
    text = "\n".join(
        [
            declarations(kernel),
            body(kernel, names, len(plan.roots)),
            main_entry(names),
            *([density_entry(names, len(plan.roots))] if density else []),
            "!0 = !{}",
            "",
        ]
    )
    return Module(
        text,
        plan,
        targets,
        slots,
        list(kernel.symbols),
        kernel.failures,
        kernel.host_nodes,
        sorted(kernel.routines),
        len(plan.groups),
        passes_of(plan, kernel, len(number) - len(slots)),
    )


def passes_of(plan: Plan, kernel: Kernel, lent: int) -> dict[str, int]:
    """How often each optimisation of native code was made: sinks that share loops, slots that are lent, and so on."""
    nests = [nest for g in plan.groups for nest in g.parts or [g]]
    found = {
        "segments": sum(nest.segments is not None for nest in nests),
        "split": len(plan.split),
        "fusion": sum(len(nest.sinks) - 1 for nest in nests),
        "tiles": sum(bool(g.parts) for g in plan.groups),
        "rows": kernel.strided,
        "small": kernel.unrolled,
        "invariants": kernel.hoisted,
        "reuse": lent,
    }
    return {name: count for name, count in found.items() if count}


def declarations(kernel: Kernel) -> str:
    """What the module calls."""
    return "\n".join([math.declarations(kernel.functions), *sorted(kernel.declared)])


FRAME = '"frame-pointer"="all"'
"""Lets LLVM align the stack, against which it else decides before it knows that calls in loops will spill vectors:
spilt across two cache lines, three sums beside an exponential take as long as that once more."""


def body(kernel: Kernel, names: list[str], roots: int) -> str:
    """The function that computes, over pointers that do not alias each other."""
    readonly = lambda i: " readonly" if i < roots else ""  # noqa: E731
    parameters = ", ".join(
        [
            *(f"ptr noalias nocapture{readonly(i)} {n}" for i, n in enumerate(names)),
            "ptr noalias nocapture readonly %dims",
        ]
    )
    return "\n".join([
        f"define internal i32 @body({parameters}) noinline nounwind {FRAME} {{",
        "entry:",
        "  %error = alloca i32, align 4",
        "  store i32 0, ptr %error, align 4",
        *kernel.allocas,
        *kernel.scopes[0].lines,
        "  %code = load i32, ptr %error, align 4",
        "  ret i32 %code",
        "}",
    ])  # fmt: skip


def load_arguments(names: list[str], skip: set[int]) -> list[str]:
    """Lines that read the body's pointers out of the argument table."""
    lines = []
    for i, _ in enumerate([*names, "%dims"]):
        if i not in skip:
            lines += [f"  %q{i} = getelementptr ptr, ptr %args, i64 {i}", f"  %p{i} = load ptr, ptr %q{i}, align 8"]
    return lines


def entry(header: str, names: list[str], given: dict[int, str]) -> str:
    """An exported function that calls the body."""
    call = ", ".join(f"ptr {given.get(i, f'%p{i}')}" for i in range(len(names) + 1))
    lines = load_arguments(names, set(given))
    return "\n".join([header, *lines, f"  %code = call i32 @body({call})", "  ret i32 %code", "}"])


def main_entry(names: list[str]) -> str:
    """The entry point for arrays."""
    return entry("define i32 @pellucid_main(ptr %args) nounwind {", names, {})


def density_entry(names: list[str], roots: int) -> str:
    """The entry point for samplers: position in, log-density and gradient out."""
    header = "define i32 @pellucid_density(ptr %x, ptr %logp, ptr %grad, ptr %args) nounwind {"
    return entry(header, names, {0: "%x", roots: "%logp", roots + 1: "%grad"})


def describe_plan(module: Module) -> dict[str, Any]:
    """What the plan decided, for the compile report."""
    plan = module.plan
    return {
        "nodes": len(plan.nodes),
        "passes": module.passes,
        "loop_nests": sum(bool(g.domain) for g in plan.groups),
        "groups": [[f"{s.kind} {s.target}" for s in g.sinks] for g in plan.groups],
        "workspace_slots": len(module.slots),
        "callbacks": [str(n.op) for n in module.host_nodes],
        "library_calls": module.routines,
        "ir_bytes": len(module.text),
    }
