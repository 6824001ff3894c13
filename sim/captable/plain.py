"""The pieces of sim.finance as plain Python, without numba.

The kernels' own sources are run once more with a `kernel` that leaves a function as it is. A cap table asks for a few
thousand splits of a third of a millisecond each, where importing numba takes one to two seconds and compiling the split
several more; the order of operations is the same, and so are the numbers. Nothing is put where other modules look:
what is compiled later is compiled from the modules themselves.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

FINANCE = Path(__file__).resolve().parent.parent / "finance"
ROOM, JIT = "sim.finance.", "sim.model.jit"


@cache
def plain(name: str) -> SimpleNamespace:
    """The names of sim/finance/NAME.py, its kernels as functions of Python."""
    path = FINANCE / f"{name}.py"
    own: dict[str, Any] = {"__name__": f"{ROOM}{name}", "__builtins__": {**vars(builtins), "__import__": _import}}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), own)
    return SimpleNamespace(**own)


def _import(name: str, *rest: Any) -> Any:
    """What a piece imports: another piece as plain Python too, no compiler, anything else as usual."""
    if name == JIT:
        return SimpleNamespace(kernel=lambda function: function)
    return plain(name.removeprefix(ROOM)) if name.startswith(ROOM) else builtins.__import__(name, *rest)


def splitter() -> Callable[..., Any]:
    """`sim.finance.payoff.split`; compiled where a kernel is loaded anyway, as for the page, which asks often."""
    loaded = sys.modules.get(f"{ROOM}payoff")
    return loaded.split if loaded is not None else plain("payoff").split
