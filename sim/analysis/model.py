"""What a sweep varies and measures: a scenario's worlds, or an analytic function whose answer is known."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from sim.errors import NO_SUCH_METRIC, Problem, UserError
from sim.terms import TERMS, standing_alone, term

if TYPE_CHECKING:
    from sim.scenario.document import Scenario

# What an official asks first; used where neither the command nor the scenario's [sweep] table names targets.
DEFAULT_METRICS = (
    "firms.alive",
    "ladder.certificates.hte",
    "firms.listed",
    "jobs.total",
    "valuation.post_money.total",
    "public.net_cost_pv",
)
_QUARTER = re.compile(r"\d{4}Q[1-4]")


def refuse(message: str, **details: Any) -> UserError:
    """One problem of the user's input, ready to raise."""
    return UserError([Problem(message, **details)])


def all_at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What each call returns; where some refuse the user's input, all of their problems in one error."""
    found: list[Any] = []
    problems: list[Problem] = []
    for call in calls:
        try:
            found.append(call())
        except UserError as error:
            problems.extend(error.problems)
    if problems:
        raise UserError(problems)
    return found


def nearest(word: str, words: Sequence[str]) -> str | None:
    """The known word most like `word`, or None where nothing is like it."""
    close = difflib.get_close_matches(word, list(words), n=1, cutoff=0.5)
    return close[0] if close else None


@runtime_checkable
class Model(Protocol):
    """Evaluated at samples of its parameters.

    `evaluate` returns float64[S, replications, len(outputs)]; sample s, replication r depend on nothing but the values
    of sample s, the seed and r. So blocks may be evaluated in any order, anywhere, and replication r of every sample
    shares its draws (common random numbers).
    """

    @property
    def outputs(self) -> list[str]: ...

    @property
    def fingerprint(self) -> str: ...

    def evaluate(
        self, samples: Mapping[str, np.ndarray], replications: int, seed: int, threads: int | None = None
    ) -> np.ndarray: ...

    def central(self, path: str) -> float: ...

    def label(self, name: str, lang: str) -> str:
        """Of an output or of a parameter; the name itself where nothing more is known of it."""
        ...

    def unit(self, name: str) -> str:
        """Of an output or of a parameter."""
        ...


def split_output(output: str) -> tuple[str, str]:
    """`firms.alive@2030Q4` -> (`firms.alive`, `2030Q4`); the quarter is empty where none is named."""
    metric, _, quarter = output.partition("@")
    return metric.strip(), quarter.strip()


@dataclass
class ZoneModel:
    """A scenario's worlds; outputs are `metric@quarter`."""

    scenario: Scenario
    outputs: list[str]
    _metrics: dict[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, scenario: Scenario, targets: Sequence[str] = ()) -> ZoneModel:
        """Targets `METRIC@QUARTER` or `METRIC` (its last quarter), refused where the scenario reports no such thing."""
        known, quarters = known_metrics(scenario), known_quarters(scenario)
        wanted = list(targets) or [name for name in DEFAULT_METRICS if name in known] or list(known)[:6]
        outputs: list[str] = []
        problems: list[Problem] = []
        for target in wanted:
            metric, quarter = split_output(target)
            quarter = quarter if "@" in target else quarters[-1]
            if metric not in known:
                if all(problem.found != metric for problem in problems):  # once, though asked for in many quarters
                    near = nearest(metric, [*known])
                    problems.append(Problem(NO_SUCH_METRIC, key=target, found=metric, nearest=near))
            elif quarter not in quarters:
                text = "not a quarter of this scenario" if _QUARTER.fullmatch(quarter) else "not a quarter"
                expected = f"{quarters[0]} … {quarters[-1]}"
                problems.append(Problem(text, key=target, found=quarter, expected=expected))
            elif (name := f"{metric}@{quarter}") not in outputs:
                outputs.append(name)
        if problems:
            raise UserError(problems)
        return cls(scenario, outputs, {name: known[name] for name in {split_output(o)[0] for o in outputs}})

    def __reduce__(self) -> tuple[Any, ...]:
        """Sent to a cluster as the merged file it was made from, and validated again there."""
        scenario: Any = self.scenario
        return _remade, (scenario._tree, scenario._path, list(self.outputs))

    @property
    def fingerprint(self) -> str:
        return f"{fingerprint_of(self.scenario)}-{program_digest()}"

    def evaluate(
        self, samples: Mapping[str, np.ndarray], replications: int, seed: int, threads: int | None = None
    ) -> np.ndarray:
        from sim.ensemble import simulate_samples

        pairs = [split_output(output) for output in self.outputs]
        metrics = list(dict.fromkeys(metric for metric, _ in pairs))
        quarters = list(dict.fromkeys(quarter for _, quarter in pairs))
        values = simulate_samples(
            self.scenario, dict(samples), replications, seed, threads=threads, metrics=metrics, quarters=quarters
        )
        return values[:, :, [metrics.index(m) for m, _ in pairs], [quarters.index(q) for _, q in pairs]]

    def central(self, path: str) -> float:
        from sim.scenario.loading import find_quantity

        return find_quantity(self.scenario, path).value

    def label(self, name: str, lang: str) -> str:
        metric, quarter = split_output(name)
        if metric not in self._metrics:
            return parameter_label(self.scenario, name, lang)
        label = standing_alone(metric, self._metrics[metric].label[lang], lang)
        return f"{label} {quarter}".strip()

    def unit(self, name: str) -> str:
        metric = split_output(name)[0]
        if metric in self._metrics:
            return str(self._metrics[metric].unit)
        from sim.scenario.loading import find_quantity

        return find_quantity(self.scenario, name).unit


def parameter_label(scenario: Scenario, path: str, lang: str) -> str:
    """A parameter in words: as the scenario calls its lever, else what it means and whose it is; else its path."""
    lever = scenario.levers.get(path)
    if told := getattr(lever.name if lever else None, lang, ""):
        return told
    meaning, owner = parameter_meaning(scenario, path, lang), owner_of(scenario, path, lang)
    return (f"{owner}：{meaning}" if lang == "zh" else f"{owner}: {meaning}") if owner and meaning else meaning or path


def parameter_meaning(scenario: Scenario | None, path: str, lang: str) -> str:
    """What a parameter means, where the first words of its key's meaning say too little or end in the id of a class of
    funds; empty where nothing is said of it."""
    from sim.scenario.meanings import of_path

    if f"parameter.{path}" in TERMS:
        return term(f"parameter.{path}", lang)
    above, _, last = path.rpartition(".")
    if scenario is not None and f"parameter.{above}" in TERMS:
        for fund_class in sorted(scenario.funds, key=lambda c: c.id != last):
            if last in (fund_class.id, fund_class.mandate):
                return term(f"parameter.{above}", lang).format(of=fund_class.name.get(lang))
    return of_path(path, lang)


def owner_of(scenario: Scenario, path: str, lang: str) -> str:
    """What the scenario calls the level, fund, sector or programme that a parameter belongs to; empty where it belongs
    to none: "share of the eligible that applies" is said of every level."""
    node: Any = scenario
    name = ""
    for part in path.split(".")[:-1]:
        if isinstance(node, dict):
            node = node.get(part)
        elif isinstance(node, list):
            node = next((item for item in node if getattr(item, "id", None) == part), None)
        else:
            node = getattr(node, part, None)
        if node is None:
            return name
        if node is not scenario.zone:
            name = str(getattr(getattr(node, "name", None), lang, "") or name)
    return name


def _remade(tree: Any, path: str, outputs: list[str]) -> ZoneModel:
    from pathlib import Path

    from sim.scenario.document import Scenario
    from sim.scenario.loading import _validated

    return ZoneModel.of(_validated(Scenario, tree, Path(path)), outputs)


@dataclass(frozen=True)
class AnalyticModel:
    """A function with a known answer, so that the path of a sweep is tested by theory.

    `function(X)` takes float64[S, parameters] and gives float64[S] or float64[S, outputs]. `chance` adds to
    replication r of every sample the same standard normal number times `chance`, as a common random number does;
    `interplay` multiplies the function by (1 + interplay × another such number).
    """

    function: Callable[[np.ndarray], np.ndarray]
    parameters: tuple[str, ...]
    names: tuple[str, ...] = ("y",)
    chance: float = 0.0
    interplay: float = 0.0
    centre: tuple[float, ...] = ()

    @property
    def outputs(self) -> list[str]:
        return list(self.names)

    @property
    def fingerprint(self) -> str:
        text = f"{self.function.__qualname__} {self.parameters} {self.names} {self.chance} {self.interplay}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def evaluate(
        self, samples: Mapping[str, np.ndarray], replications: int, seed: int, threads: int | None = None
    ) -> np.ndarray:
        count = max((len(values) for values in samples.values()), default=1)
        columns = [samples.get(path, np.full(count, self.central(path))) for path in self.parameters]
        values = np.asarray(self.function(np.column_stack(columns)), dtype=np.float64).reshape(count, 1, -1)
        draws = np.array([np.random.default_rng([seed, r]).standard_normal(2) for r in range(replications)])
        shift, stretch = (draws[:, k].reshape(1, replications, 1) for k in range(2))
        return values * (1.0 + self.interplay * stretch) + self.chance * shift

    def central(self, path: str) -> float:
        return self.centre[self.parameters.index(path)] if self.centre else 0.0

    def label(self, name: str, lang: str) -> str:
        return name

    def unit(self, name: str) -> str:
        return ""


def fingerprint_of(scenario: Scenario) -> str:
    """A hash of the merged scenario, given to it when it was loaded."""
    return str(scenario._fingerprint)[:16]  # type: ignore[attr-defined]


def known_metrics(scenario: Scenario) -> dict[str, Any]:
    """What this scenario's world reports, by name, known without running it."""
    return {metric.name: metric for metric in scenario.metrics}


def known_quarters(scenario: Scenario) -> list[str]:
    from sim.quantities import quarter_name

    first, last = int(scenario.zone.start), int(scenario.zone.end)
    return [quarter_name(quarter) for quarter in range(first, last + 1)]


def program_digest() -> str:
    """The version and a digest of every source that can change a number, so that no journal mixes two programs."""
    from pathlib import Path

    import sim
    from sim.compiled import digest_of_sources

    here = Path(sim.__file__).parent
    digest = hashlib.sha256(digest_of_sources().encode())
    for name in ("ensemble.py", "quantities.py"):
        digest.update((here / name).read_bytes())
    return f"{sim.__version__}-{digest.hexdigest()[:12]}"
