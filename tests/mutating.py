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
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = {
    "sim.accounts": ("tests/test_accounts.py",),
    "sim.finance.waterfall": ("tests/test_finance_waterfall.py",),
    "sim.finance.payoff": ("tests/test_finance_payoff.py",),
}
PATIENCE = 60.0  # seconds a mutant may take
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
CALLS = {"min": "max", "max": "min", "abs": "float"}

# survivors that no test can notice, by module, function and change; why
_STEP = "sim.finance.waterfall.whole_fund_step: if left > 0.0 and carry > 0.0: -> "
EXPLAINED: dict[str, str] = {
    f"{_STEP}if left > 0.0 or carry > 0.0:": "without carry or money left those tiers pay nothing",
    f"{_STEP}if left >= 0.0 and carry > 0.0:": "with nothing left the tiers beyond the hurdle pay nothing",
    f"{_STEP}if left > 0.0 and carry >= 0.0:": "without carry the tiers beyond the hurdle pay it nothing",
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


def _places(tree: ast.Module) -> Iterator[tuple[str, ast.AST, int]]:
    """(function, node, way to change it) of every change there is."""
    for function in tree.body:
        if not isinstance(function, ast.FunctionDef):
            continue
        for node in ast.walk(ast.Module(body=function.body, type_ignores=[])):
            if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in SWAPS:
                yield function.name, node, 0
            elif isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
                for way in range(len(COMPARISONS[type(node.ops[0])])):
                    yield function.name, node, way
            elif _changes_one_way(node):
                yield function.name, node, 0


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


def _line_of(tree: ast.AST, node: ast.AST) -> str:
    """The smallest statement that holds the node, as text; of an if or a loop its head only."""
    best = None
    for statement in ast.walk(tree):
        if isinstance(statement, ast.stmt) and any(n is node for n in ast.walk(statement)):
            best = statement
    assert best is not None
    return ast.unparse(best).splitlines()[0]


def mutants_of(module: str) -> list[Mutant]:
    source = (ROOT / (module.replace(".", "/") + ".py")).read_text(encoding="utf-8")
    tree = ast.parse(source)
    out, seen = [], {}
    for k, (function, original, way) in enumerate(_places(tree)):
        if isinstance(original, ast.Constant) and _in_docstring(tree, original):
            continue
        changed = copy.deepcopy(tree)
        _, node, _ = next(x for i, x in enumerate(_places(changed)) if i == k)
        before = _line_of(tree, original)
        if isinstance(node, ast.Break | ast.Continue):
            _replace(changed, node, ast.Pass())
            after = "pass"
        else:
            _change(node, way)
            after = _line_of(changed, node)
        if after == before:
            continue
        change = f"{before} -> {after}"
        seen[change] = seen.get(change, 0) + 1
        change += f" ({seen[change]})" if seen[change] > 1 else ""
        out.append(Mutant(module, function, getattr(original, "lineno", 0), change, ast.fix_missing_locations(changed)))
    return out


def _in_docstring(tree: ast.Module, node: ast.Constant) -> bool:
    return any(_is_text(x) and x.value is node for x in ast.walk(tree))  # type: ignore[attr-defined]


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


def noticed(mutant: Mutant) -> str:
    """ "noticed", "hangs" or "survives": the tests are run in a copy of this process."""
    child = os.fork()
    if child == 0:
        code = 70
        try:
            import pytest

            # in case whoever waits for it is stopped first
            resource.setrlimit(resource.RLIMIT_CPU, (int(2 * PATIENCE), int(2 * PATIENCE)))
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            _put_in_place(mutant)
            options = ["-x", "-q", "--tb=no", "-p", "no:cacheprovider", "-p", "no:xdist", "-W", "ignore"]
            code = int(pytest.main([*options, *TESTS[mutant.module]]))
        finally:
            os._exit(code)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return "survives" if os.waitstatus_to_exitcode(status) == 0 else "noticed"
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "hangs"


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

    tests.audited.lived()  # once, before the copies are made
    for names in TESTS.values():
        for name in names:
            importlib.import_module(name.removesuffix(".py").replace("/", "."))
    kept: dict[str, dict[str, str]] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    mutants = [m for module in TESTS for m in mutants_of(module) if only in m.name]
    known = {module: kept.get(digest(module), {}) for module in TESTS}
    waiting = [m for m in mutants if m.name not in known[m.module]]
    print(f"{len(mutants)} mutants, {len(mutants) - len(waiting)} known from before", flush=True)
    end = time.monotonic() + seconds

    def one(mutant: Mutant) -> None:
        if time.monotonic() < end:
            known[mutant.module][mutant.name] = noticed(mutant)

    with ThreadPoolExecutor(processes) as pool:
        for k, _ in enumerate(pool.map(one, waiting), 1):
            if k % 20 == 0:
                KEPT.parent.mkdir(exist_ok=True)
                store.write_json(KEPT, {digest(module): found for module, found in known.items()})
                print(f"  {k} of {len(waiting)}", flush=True)
    KEPT.parent.mkdir(exist_ok=True)
    store.write_json(KEPT, {digest(module): found for module, found in known.items()})
    return _report(mutants, known)


def _report(mutants: list[Mutant], known: dict[str, dict[str, str]]) -> int:
    unexplained = 0
    for module in TESTS:
        own = [m for m in mutants if m.module == module]
        ended = [known[module].get(m.name, "not tried") for m in own]
        counts = ", ".join(f"{ended.count(x)} {x}" for x in ("noticed", "hangs", "survives", "not tried") if x in ended)
        print(f"{module}: {len(own)} mutants: {counts}")
        for mutant, end in zip(own, ended, strict=True):
            if end == "survives":
                why = EXPLAINED.get(mutant.name)
                unexplained += why is None
                print(f"  line {mutant.line}: {mutant.function}: {mutant.change}\n      {why or 'NOT EXPLAINED'}")
    return 1 if unexplained else 0


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
