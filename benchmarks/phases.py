"""Where the time of a world goes, line by line of the quarter, and what the machine could do at best.

    python -m benchmarks.phases [SCENARIO] [--worlds N] [--deeper]

The functions that list the steps of a world are compiled again with a clock behind each of their statements (the
processor's cycle counter; some twenty cycles a reading), so the table follows the code and no line of the kernel knows
of it. Below it the limits, measured in the same run: how many blocks of draws a firm-quarter takes x what a block
costs, and the bytes that must move x what moving costs.
"""

import argparse
import ast
import inspect
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite import ir

from benchmarks.growth import BYTES_A_FIRM_QUARTER, machine
from sim import ensemble
from sim.model import report, zone
from sim.model.jit import njit
from sim.model.ladders import kernel as ladders
from sim.model.rounds import kernel as rounds
from sim.model.rows import Rows
from sim.model.rules import lower
from sim.scenario import load_scenario

MOST = 4096  # statements that can be timed
REPEATS = 8
# What is taken apart; with --deeper the largest steps too.
STEPS = ((zone, "live_one_world"), (zone, "live_one_quarter"))
DEEPER = (
    (ladders, "climb_ladders"),
    (ladders, "who_qualifies"),
    (ladders, "admit"),
    (ladders, "renew_or_expire"),
    (ladders, "seed_levels"),
    (rounds, "move_values"),
    (rounds, "raise_rounds"),
    (rounds, "draw_terms"),
    (rounds, "seek_round"),
    (rounds, "close_round"),
    (report, "report_quarter"),
    (zone.population, "admit_entrants"),
    (zone.population, "fill_at_start"),
    (zone.firms_, "put_firms"),
    (zone.firms_, "grow_firms"),
    (zone.firms_, "close_accounts"),
)
# Loops over these are entered; in one over firms or holdings a clock would cost more than what it times.
ENTERED = ("quarter", "level", "source", "first", "a", "s", "c")

_cycles = np.zeros(MOST + 1, np.int64)  # by statement; the last place is when the last statement ended


def _clock() -> Any:
    """A compiled `clock(place)`: adds the cycles since the last call to a statement's account."""
    from numba.core import types
    from numba.extending import intrinsic

    address = _cycles.ctypes.data

    @intrinsic
    def clock(typing: Any, place: Any) -> Any:
        def lowered(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            word = ir.IntType(64)
            counter = builder.module.declare_intrinsic("llvm.readcyclecounter", fnty=ir.FunctionType(word, []))
            now = builder.call(counter, [])
            table = builder.inttoptr(word(address), word.as_pointer())
            last = builder.gep(table, [word(MOST)])
            account = builder.gep(table, [given[0]])
            builder.store(builder.add(builder.load(account), builder.sub(now, builder.load(last))), account)
            builder.store(now, last)
            return context.get_dummy_value()

        return types.void(types.int64), lowered

    return clock


class _Timed(ast.NodeTransformer):
    """Puts `clock(place)` behind each statement of a body; places are given out in `names`."""

    def __init__(self, function: str, names: list[str]) -> None:
        self.function, self.names = function, names

    def body(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        for s in statements:
            entered = isinstance(s, ast.For) and isinstance(s.target, ast.Name) and s.target.id in ENTERED
            if isinstance(s, ast.If) or (isinstance(s, ast.For) and entered):
                s.body = self.body(s.body)
                s.orelse = self.body(s.orelse)
            out.append(s)
            if not isinstance(s, (ast.Return, ast.Continue, ast.Break)):
                self.names.append(f"{self.function}: {ast.unparse(s).splitlines()[0]}"[:100])
                out.append(ast.parse(f"clock({len(self.names) - 1})").body[0])
        return out


def timed(module: Any, name: str, names: list[str], clock: Any) -> None:
    """Replace a compiled function by its timed form wherever the kernel's modules know it."""
    old = getattr(module, name)
    tree = ast.parse(inspect.getsource(old.py_func))
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef)
    function.decorator_list = []
    function.body = _Timed(name, names).body(function.body)
    space = vars(module)
    space["clock"] = clock
    exec(compile(ast.fix_missing_locations(tree), f"<timed {name}>", "exec"), space)  # the only way to add lines
    new = njit(_nrt=False, error_model="numpy")(space[name])
    for other in list(sys.modules.values()):
        if getattr(other, "__name__", "").startswith("sim.model"):
            for known, value in list(vars(other).items()):
                if value is old or (known == name and other is module):
                    setattr(other, known, new)
    if old is ensemble.live_one_world:
        ensemble.live_one_world = new


def measure(path: str, worlds: int, deeper: bool) -> tuple[list[tuple[str, float]], float, float]:
    """((statement, ns a firm-quarter) ..., seconds a world, firm-quarters a world), one thread."""
    names: list[str] = []
    clock = _clock()

    @njit
    def start(place: int) -> None:
        clock(place)

    for module, name in STEPS + (DEEPER if deeper else ()):
        timed(module, name, names, clock)
    scenario = load_scenario(path)
    each = ensemble.Worlds(scenario, lower(scenario, Rows(1, np.arange(worlds), None)), 1)
    each.live(0, 0)
    least, cycles, lived = np.inf, np.zeros(len(names)), 0.0
    for _ in range(REPEATS):  # the quickest counts: what else runs on the machine only adds
        _cycles[:] = 0
        lived, began = 0.0, time.perf_counter()
        for r in range(worlds):
            start(MOST - 1)  # what passed outside a world is nobody's
            lived += float(np.nansum(each.live(r, r).metrics[0]))
        took = (time.perf_counter() - began) / worlds
        if took < least:
            least, cycles = took, _cycles[: len(names)].astype(float)
    cost = cycles / cycles.sum() * least * 1e9 * worlds / lived
    return list(zip(names, cost, strict=True)), least, lived / worlds


def blocks(scenario: Any) -> float:
    """Blocks of four words that a firm-quarter takes at the least: half a block of growth and exit, a quarter of one of
    R&D; beside these a block of each venture, one of terms and a block a meeting of each attempt at a round, three of
    each entrant. What ladders draw is not in it."""
    done = ensemble.simulate(scenario, 2, 1, 1, events=0)
    alive = np.nansum(done["firms.alive"])
    ended = sum(float(done[name][:, -1].sum()) for name in ("rounds.failed", "firms.entered"))
    entrants = float(done["firms.entered"][:, -1].sum())
    attempts = ended - entrants + float(np.nansum(done["rounds.count.total"]))
    meetings = scenario.rounds.meetings.value
    return 0.75 + float(np.nansum(done["firms.venture"]) + attempts * (1.0 + meetings) + 3.0 * entrants) / alive


def main(path: str, worlds: int, deeper: bool) -> None:
    needed = blocks(load_scenario(path))
    rows, seconds, lived = measure(path, worlds, deeper)
    whole = seconds * 1e9 / lived
    print(f"{seconds * 1e3:.1f} ms a world of {lived:,.0f} firm-quarters: {whole:.1f} ns each, one thread")
    shown = [row for row in sorted(rows, key=lambda row: -row[1]) if row[1] >= 0.02]
    for name, cost in shown:
        print(f"{cost:6.2f} ns {cost / whole:5.1%}  {name}")
    print(f"{whole - sum(cost for _, cost in shown):6.2f} ns         in statements of less than .02 ns")
    block, width = machine()
    draws, bytes_ = needed * block, BYTES_A_FIRM_QUARTER / width
    print(f"limit: {needed:.2f} blocks of draws x {block:.2f} ns = {draws:.1f} ns;")
    print(f"       {BYTES_A_FIRM_QUARTER} bytes read and written / {width:.0f} GB/s = {bytes_:.1f} ns;")
    print(f"       the larger is {max(draws, bytes_) / whole:.0%} of what a firm-quarter takes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", nargs="?", default=str(Path("scenarios") / "xian.toml"))
    parser.add_argument("--worlds", type=int, default=20)
    parser.add_argument("--deeper", action="store_true", help="take the largest steps apart too")
    asked = parser.parse_args()
    main(asked.scenario, asked.worlds, asked.deeper)
