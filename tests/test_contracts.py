"""Who may import whom and who may write, read from the sources: the seams of docs/house.md."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SIM = ROOT / "sim"
MODULES = sorted(SIM.rglob("*.py"))
# what writes besides sim/store.py, and why it may
WRITERS = {
    "sim/analysis/journal.py": "opens and locks the journal; every record goes through store.append",
    "sim/scenario/recorded.py": "a temporary folder that is read and removed",
    "sim/starter.py": "a temporary folder in which the new scenario is tried",
    "sim/portfolio/importing.py": "a temporary folder in which the fragment is tried",
    "sim/app/saving.py": "takes away a scenario that it wrote a moment ago and that does not load",
    "sim/compiled.py": "removes compiled kernels of other versions",
}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    """Read once for all tests that look at it."""
    return ast.parse(path.read_text(encoding="utf-8"))


def last_name(node: ast.AST) -> str:
    """`open` of `io.open`; empty of what has no name."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


@cache
def imports(path: Path, at_import_only: bool = False) -> set[str]:
    """Every module that a file imports; those under TYPE_CHECKING are for readers only and left out."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and any(last_name(part) == "TYPE_CHECKING" for part in ast.walk(node.test)):
            return
        if at_import_only and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.expr):  # no value imports anything
                visit(child)

    visit(tree_of(path))
    return found


def below(names: set[str], *packages: str) -> set[str]:
    return {name for name in names if any(name == p or name.startswith(p + ".") for p in packages)}


KERNELS = [*sorted((SIM / "model").rglob("kernel.py")), SIM / "accounts.py"]
KERNELS += [SIM / "model" / f"{m}.py" for m in ("draws", "jit", "zone", "population", "report", "world")]
KERNELS += [SIM / "finance" / f"{m}.py" for m in ("payoff", "waterfall", "term_sheet")]


@pytest.mark.parametrize("path", KERNELS, ids=name_of)
def test_kernels_see_no_scenario_no_result_and_no_pydantic(path):
    forbidden = ("pydantic", "sim.scenario", "sim.result", "sim.ensemble", "sim.analysis", "sim.figures", "sim.report")
    assert not below(imports(path), *forbidden)


@pytest.mark.parametrize(
    "path", sorted((SIM / "figures").glob("*.py")) + sorted((SIM / "report").glob("*.py")), ids=name_of
)
def test_figures_and_reports_read_results_and_never_simulate(path):
    assert not below(imports(path), "sim.ensemble", "sim.model.zone", "sim.tracing", "numba")
    called = {last_name(node.func) for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call)}
    assert not called & {"simulate", "simulate_samples", "live"}


@pytest.mark.parametrize("path", sorted((SIM / "scenario").glob("*.py")), ids=name_of)
def test_reading_a_scenario_imports_neither_numba_nor_numpy(path):
    assert not below(imports(path, at_import_only=True), "numba", "numpy", "sim.ensemble")


def test_the_command_line_imports_nothing_heavy_until_a_command_runs():
    allowed = {"argparse", "os", "sys", "time", "contextlib", "io", "__future__"}
    assert {name.split(".")[0] for name in imports(SIM / "cli.py", at_import_only=True)} <= allowed


WRITING = {"write_text", "write_bytes", "mkdir", "rename", "unlink", "rmtree", "savefig", "makedirs"}


@cache
def writes(path: Path) -> list[str]:
    """Calls that write to the disk: open for writing, and methods of paths that do; `store.` is the place for them."""
    found = []
    imported = [name.removeprefix("sim.store.") for name in imports(path) if name.startswith("sim.store.")]
    for node in ast.walk(tree_of(path)):
        if not isinstance(node, ast.Call):
            continue
        if last_name(node.func) not in WRITING and not last_name(node.func).endswith(("open", "fdopen")):
            continue
        name = ast.unparse(node.func)
        if name == "open" or name.endswith((".open", "fdopen")):
            modes = [a.value for a in [*node.args, *(k.value for k in node.keywords)] if isinstance(a, ast.Constant)]
            if any(isinstance(m, str) and set(m) <= set("rwabx+t") and set(m) & set("wax+") for m in modes):
                found.append(f"{node.lineno}: {name}")
        elif name.split(".")[-1] in WRITING and name.split(".")[0] not in ("store", *imported):
            if name.split(".")[-1] == "savefig" and "buffer" in ast.unparse(node):
                continue
            found.append(f"{node.lineno}: {name}")
    return found


@pytest.mark.parametrize("path", [p for p in MODULES if p != SIM / "store.py"], ids=name_of)
def test_every_write_goes_through_the_store(path):
    assert not writes(path) or name_of(path) in WRITERS, writes(path)


def test_every_exception_to_that_still_is_one():
    assert {name for name in WRITERS if writes(ROOT / name)} == set(WRITERS)


def test_the_search_for_writes_finds_them():
    assert len(writes(SIM / "store.py")) > 8
