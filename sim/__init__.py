"""Headwater 活水: a development zone as one system, from a guidance fund's yuan to a listed firm.

>>> from sim import load_scenario, simulate
>>> result = simulate(load_scenario("scenarios/xian.toml"), replications=200, seed=1)  # doctest: +SKIP

Importing `sim` imports nothing else: the three names below are fetched when they are first asked for.
"""

TYPE_CHECKING = False  # stands for typing.TYPE_CHECKING, whose import costs a tenth of the whole start
if TYPE_CHECKING:
    from sim.ensemble import simulate
    from sim.result import Result
    from sim.scenario import load_scenario

__version__ = "0.1.0"
__all__ = ["Result", "__version__", "load_scenario", "simulate"]

_HOME = {"load_scenario": "sim.scenario", "simulate": "sim.ensemble", "Result": "sim.result"}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'sim' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
