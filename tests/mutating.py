"""Mutation testing of accounts and waterfalls: `make mutate`, or `python -m tests.mutating --seconds N --only TEXT`.

One operator, comparison, constant or call is changed at a time, and the tests of that module are run against it,
interpreted (no numba), in a process of its own. A mutant that no test notices survives and is printed; those in
EXPLAINED say why no test could. A mutant that hangs is killed and counts as noticed.

What was found is kept in results/mutation.json by mutant and digest of sources and tests, so an interrupted run goes on
where it stopped and an unchanged one is over at once. Ends with status 1 where a survivor is not explained.
"""

from __future__ import annotations

import argparse
import ast
import copy
import hashlib
import importlib
import json
import os
import resource
import signal
import sys
import time
import types
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import is_hypothesis_test

ROOT = Path(__file__).resolve().parent.parent
TESTS = {
    "sim.accounts": ("tests/test_accounts.py",),
    "sim.finance.waterfall": ("tests/test_finance_waterfall.py",),
    "sim.finance.payoff": ("tests/test_finance_payoff.py",),
}
PATIENCE = 5.0  # times the processor seconds of the unchanged tests that a mutant may take, and as many more
KEPT = ROOT / "results" / "mutation.json"

SWAPS: dict[type, type] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
COMPARISONS: dict[type, tuple[type, ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
}
Save = Callable[[], None]
CALLS = {"min": "max", "max": "min", "abs": "float"}

# survivors that no test can notice, by function and change, and why
_ENDED = "senior ranks are looked for until `paid` counts all classes or nothing is left; the search that comes after"
_ENDED_TWICE = f"{_ENDED} finds none, which ends it too"
_NOTHING_LEFT = "with nothing left every claim is paid its part of nothing"
_ONCE_MORE = "once no class is newly at its cap, another round finds the same price and changes nothing"
_SAME = "an equal one is put in its own place"
_SPARE = "a row or column more, which nothing reads"
_NONE_FOUND = "a class is found exactly where `least` is finite, so either condition alone ends the search"
_EXPLAINED = {
    "sim.finance.waterfall.whole_fund_step": {
        "if left > 0.0 and carry > 0.0: -> if left > 0.0 or carry > 0.0:": "without carry or money left those tiers pay"
        " nothing",
        "if left > 0.0 and carry > 0.0: -> if left >= 0.0 and carry > 0.0:": "with nothing left the tiers beyond the"
        " hurdle pay nothing",
        "if left > 0.0 and carry > 0.0: -> if left > 0.0 and carry >= 0.0:": "without carry the tiers beyond the hurdle"
        " pay it nothing",
    },
    "sim.finance.waterfall.due_to_protected": {
        "if total > whole: -> if total >= whole:": "nothing is above all that was called where both are the same",
    },
    "sim.finance.waterfall.waterfall": {
        "run_waterfalls(t - t[0], c, p, which, hurdle, carry, catch_up, np.empty((len(names), 5)), lp, gp) -> "
        "run_waterfalls(t - t[0], c, p, which, hurdle, carry, catch_up, np.empty((len(names), 6)), lp, gp)": _SPARE,
        "run_waterfalls(t - t[0], c, p, one, hurdle, carry, catch_up, np.empty((1, 5)), whole_lp, whole_gp) -> "
        "run_waterfalls(t - t[0], c, p, one, hurdle, carry, catch_up, np.empty((2, 5)), whole_lp, whole_gp)": _SPARE,
        "run_waterfalls(t - t[0], c, p, one, hurdle, carry, catch_up, np.empty((1, 5)), whole_lp, whole_gp) -> "
        "run_waterfalls(t - t[0], c, p, one, hurdle, carry, catch_up, np.empty((1, 6)), whole_lp, whole_gp)": _SPARE,
    },
    "sim.finance.payoff.split_given_conversion": {
        "while paid < n and left > 0.0: -> while paid < n or left > 0.0:": f"{_NOTHING_LEFT}; {_ENDED_TWICE}",
        "while paid < n and left > 0.0: -> while paid <= n and left > 0.0:": _ENDED_TWICE,
        "while paid < n and left > 0.0: -> while paid < n and left >= 0.0:": _NOTHING_LEFT,
        "paid += 1 -> paid -= 1": _ENDED_TWICE,
        "break -> pass": f"never reached: {_ENDED} is not made",
        "if top == -np.inf: -> if top == +np.inf:": f"never true, as before: {_ENDED} is not made",
        "if seniority[c] < level and seniority[c] > top: -> if seniority[c] < level and seniority[c] >= top:": _SAME,
        "part = 1.0 if claim <= left else left / claim -> part = 1.0 if claim < left else left / claim": "left / claim"
        " is 1 where both are the same, which is never 0",
        "price = 0.0 -> price = 1.0": "written again in the first of at least one rounds; numba wants a number before",
        "for _ in range(n + 1): -> for _ in range(n + 2):": "n classes come to their caps in at most n rounds; "
        + _ONCE_MORE,
        "again = False -> again = True": _ONCE_MORE,
        "break -> pass (2)": _ONCE_MORE,
        "if price * shares[c] > room: -> if price * shares[c] >= room:": "a class that gets just what its cap leaves"
        " it gets that either way, and the others' price stays",
        "converted[c] = -1.0 -> converted[c] = -2.0": "a mark below zero, put back to zero before the end",
    },
    "sim.finance.payoff.split_proceeds": {
        "best = -1 -> best = +1": _NONE_FOUND,
        "best = -1 -> best = -2": _NONE_FOUND,
        "if best < 0 or least == np.inf: -> if best < 0 and least == np.inf:": _NONE_FOUND,
        "if converted[c] == 0.0 and shares[c] > 0.0: -> if converted[c] == 0.0 and shares[c] >= 0.0:": "a class without"
        " shares has no finite threshold (infinite, or 0 / 0), and none that is not is below `least`",
        "if threshold < least: -> if threshold <= least:": "of classes with one threshold all convert or none, whoever"
        " is asked first: L / T > t exactly where (L + t s) / (T + s) > t",
        "break -> pass (4)": "a class that refused is asked again, and refuses again",
    },
    "sim.finance.payoff.pay_by_seniority": {
        "while left > 0.0: -> while left >= 0.0:": _NOTHING_LEFT,
        "if claim[c] > 0.0 and seniority[c] < level and (seniority[c] > top): -> "
        "if claim[c] >= 0.0 and seniority[c] < level and (seniority[c] > top):": "claims of nothing in a rank of their"
        " own are paid all of it",
        "if claim[c] > 0.0 and seniority[c] < level and (seniority[c] > top): -> "
        "if claim[c] > 0.0 and seniority[c] < level and (seniority[c] >= top):": _SAME,
    },
}
EXPLAINED = {
    f"{function}: {change}": why for function, changes in _EXPLAINED.items() for change, why in changes.items()
}


@dataclass(frozen=True)
class Mutant:
    module: str
    function: str
    line: int
    change: str  # what it was -> what it is
    tree: ast.Module

    @property
    def name(self) -> str:
        return f"{self.module}.{self.function}: {self.change}"


def _changes_one_way(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return type(node.value) in (int, float, bool)
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.USub | ast.Not)
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in CALLS
    return isinstance(node, ast.BoolOp | ast.Break | ast.Continue)


def _places(function: ast.FunctionDef) -> Iterator[tuple[ast.AST, int]]:
    """(node, way to change it) of every change there is in a function."""
    texts = {id(x.value) for x in ast.walk(function) if _is_text(x)}  # type: ignore[attr-defined]
    for node in ast.walk(ast.Module(body=function.body, type_ignores=[])):
        if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in SWAPS:
            yield node, 0
        elif isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
            for way in range(len(COMPARISONS[type(node.ops[0])])):
                yield node, way
        elif _changes_one_way(node) and id(node) not in texts:
            yield node, 0


def _change(node: ast.AST, way: int) -> None:
    """Change the node in place."""
    if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp):
        node.op = SWAPS[type(node.op)]()  # type: ignore[assignment]
    elif isinstance(node, ast.Compare):
        node.ops[0] = COMPARISONS[type(node.ops[0])][way]()
    elif isinstance(node, ast.Constant):
        node.value = (not node.value) if isinstance(node.value, bool) else node.value + 1  # type: ignore[operator]
    elif isinstance(node, ast.UnaryOp):
        node.op = ast.UAdd() if isinstance(node.op, ast.USub) else ast.Not()
        if isinstance(node.op, ast.Not):
            node.operand = ast.UnaryOp(op=ast.Not(), operand=node.operand)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        node.func.id = CALLS[node.func.id]


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _line_of(function: ast.FunctionDef, node: ast.AST) -> str:
    """The smallest statement that holds the node, as text; of an if or a loop its head only."""
    best = None
    for statement in ast.walk(function):
        if isinstance(statement, ast.stmt) and any(n is node for n in ast.walk(statement)):
            best = statement
    assert best is not None
    return ast.unparse(best).splitlines()[0]


def mutants_of(module: str) -> list[Mutant]:
    source = (ROOT / (module.replace(".", "/") + ".py")).read_text(encoding="utf-8")
    tree = ast.parse(source)
    out = []
    seen: Counter[str] = Counter()
    for place, function in enumerate(tree.body):
        if not isinstance(function, ast.FunctionDef):
            continue
        for k, (original, way) in enumerate(_places(function)):
            changed = copy.deepcopy(function)
            node, _ = next(islice(_places(changed), k, None))
            before = _line_of(function, original)
            if isinstance(node, ast.Break | ast.Continue):
                _replace(changed, node, ast.Pass())
                after = "pass"
            else:
                _change(node, way)
                after = _line_of(changed, node)
            if after == before:
                continue
            change = f"{before} -> {after}"
            seen[change] += 1
            change += f" ({seen[change]})" if seen[change] > 1 else ""
            whole = ast.Module([*tree.body[:place], changed, *tree.body[place + 1 :]], tree.type_ignores)
            line = getattr(original, "lineno", 0)
            out.append(Mutant(module, function.name, line, change, ast.fix_missing_locations(whole)))
    return out


def _replace(tree: ast.AST, old: ast.AST, new: ast.stmt) -> None:
    for parent in ast.walk(tree):
        for name in ("body", "orelse"):
            block = getattr(parent, name, None)
            if isinstance(block, list) and any(x is old for x in block):
                setattr(parent, name, [new if x is old else x for x in block])


def _put_in_place(mutant: Mutant) -> None:
    """Give the functions of the module, wherever they are known, the code of the mutant's."""
    module = importlib.import_module(mutant.module)
    changed = types.ModuleType(mutant.module)
    exec(compile(mutant.tree, module.__file__ or mutant.module, "exec"), changed.__dict__)
    function = getattr(module, mutant.function)
    function.__code__ = getattr(changed, mutant.function).__code__


class Session:
    """A pytest plugin: once the tests of a module are collected, tries its mutants instead of running them.

    Each mutant is tried in a fork, so nothing is imported or collected again, and the tests that have noticed most
    mutants so far come first: most are noticed by the first or second test.
    """

    def __init__(self, mutants: list[Mutant], found: dict[str, str], end: float, processes: int, save: Save) -> None:
        self.mutants, self.found, self.end, self.processes, self.save = mutants, found, end, processes, save
        self.caught: Counter[str] = Counter()  # mutants, by the test that noticed them
        self.sound = False
        self.patience = 600  # processor seconds of one

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = sorted(session.items, key=lambda item: is_hypothesis_test(getattr(item, "obj", None)))
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        self.sound = not session.testsfailed and self._tried(None, items) == "survives"
        taken = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
        self.patience = int(PATIENCE * (1.0 + taken))
        if self.sound:
            with ThreadPoolExecutor(self.processes) as pool:
                for k, _ in enumerate(pool.map(lambda m: self._one(m, items), self.mutants), 1):
                    if k % 20 == 0 or k == len(self.mutants):
                        self.save()
                        print(f"  {k} of {len(self.mutants)}", flush=True)
        return True

    def _one(self, mutant: Mutant, items: list[pytest.Item]) -> None:
        if time.monotonic() < self.end:
            first = sorted(items, key=lambda item: -self.caught[item.nodeid])
            self.found[mutant.name] = self._tried(mutant, first)

    def _tried(self, mutant: Mutant | None, items: list[pytest.Item]) -> str:
        """ "noticed", "hangs" or "survives": the tests are run in a copy of this process."""
        child = os.fork()
        if child == 0:
            code = len(items) + 1
            try:
                resource.setrlimit(resource.RLIMIT_CPU, (self.patience, self.patience + 1))
                quiet = os.open(os.devnull, os.O_WRONLY)
                os.dup2(quiet, 1)
                os.dup2(quiet, 2)
                if mutant is not None:
                    _put_in_place(mutant)
                code = _first_to_fail(items)
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        if code in (-signal.SIGXCPU, -signal.SIGKILL):
            return "hangs"
        if 0 < code <= len(items):
            self.caught[items[code - 1].nodeid] += 1
        return "survives" if code == 0 else "broken" if code > len(items) else "noticed"


def _first_to_fail(items: list[pytest.Item]) -> int:
    """Its place, counted from 1; 0 where all pass."""
    for k, item in enumerate(items, 1):
        following = items[k] if k < len(items) else None
        if any(report.failed for report in runtestprotocol(item, log=False, nextitem=following)):
            return k
    return 0


def digest(module: str) -> str:
    """Over the module and its tests: what was found for one state of them holds for no other."""
    h = hashlib.sha256()
    files = (module.replace(".", "/") + ".py", *TESTS[module], "tests/audited.py")
    for name in files:
        h.update((ROOT / name).read_bytes())
    return h.hexdigest()[:16]


def run(seconds: float, only: str, processes: int) -> int:
    from sim import store

    os.environ["HYPOTHESIS_PROFILE"] = "mutants"
    import tests.audited

    kept: dict[str, dict[str, str]] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    digests = {module: digest(module) for module in TESTS}  # of the state that is tried, whatever is edited meanwhile
    known = {module: kept.get(digests[module], {}) for module in TESTS}
    mutants = [m for module in TESTS for m in mutants_of(module) if only in m.name]
    waiting = [m for m in mutants if m.name not in known[m.module]]
    if any(m.module == "sim.accounts" for m in waiting):
        tests.audited.lived()  # once, before the copies are made
    print(f"{len(mutants)} mutants, {len(mutants) - len(waiting)} known from before", flush=True)
    end = time.monotonic() + seconds

    def save() -> None:
        KEPT.parent.mkdir(exist_ok=True)
        store.write_json(KEPT, {digests[module]: found for module, found in known.items()})

    options = ["-qq", "-s", "--tb=no", "-p", "no:cacheprovider", "-p", "no:xdist", "-W", "ignore"]
    for module, names in TESTS.items():
        own = [m for m in waiting if m.module == module]
        if own:
            print(module, flush=True)
            session = Session(own, known[module], end, processes, save)
            pytest.main([*options, *names], plugins=[session])
            if not session.sound:
                print(f"{', '.join(names)}: to be mended first, for they fail without any change")
                return 1
    return _report(mutants, known)


ENDS = ("noticed", "hangs", "survives", "broken", "not tried")


def _report(mutants: list[Mutant], known: dict[str, dict[str, str]]) -> int:
    """Prints counts by module, the survivors and why. 1 where one is not explained, or not every mutant was tried."""
    ended = {m.name: known[m.module].get(m.name, "not tried") for m in mutants}
    wrong = 0
    for module in TESTS:
        own = [m for m in mutants if m.module == module]
        ends = Counter(ended[m.name] for m in own)
        print(f"{module}: {len(own)} mutants: {', '.join(f'{ends[x]} {x}' for x in ENDS if ends[x])}")
        for m in own:
            if ended[m.name] in ("survives", "broken"):
                why = EXPLAINED.get(m.name, "NOT EXPLAINED") if ended[m.name] == "survives" else "COULD NOT BE TRIED"
                wrong += why.isupper()
                print(f"  line {m.line}: {m.function}: {m.change}\n      {why}")
    idle = [name for name in EXPLAINED if ended.get(name, "survives") in ("noticed", "hangs")]
    for name in idle:
        print(f"explained, but noticed: {name}")
    ends = Counter(ended.values())
    counts = ", ".join(f"{ends[x]} {x}" for x in ENDS if ends[x])
    print(f"in all {len(mutants)} mutants: {counts}; {wrong} not explained")
    if ends["not tried"]:
        print("not all were tried: the next call goes on")
    return 1 if wrong or idle or ends["not tried"] else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=900.0, help="start no mutant after this time")
    parser.add_argument("--only", default="", help="mutants whose name holds this text")
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args()
    if os.environ.get("NUMBA_DISABLE_JIT") != "1":  # compiled code cannot be changed in place
        os.environ["NUMBA_DISABLE_JIT"] = "1"
        os.execv(sys.executable, [sys.executable, "-W", "ignore", "-m", "tests.mutating", *sys.argv[1:]])
    return run(asked.seconds, asked.only, asked.processes)


if __name__ == "__main__":
    sys.exit(main())
