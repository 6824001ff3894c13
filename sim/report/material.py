"""What a report is written from: a run, a comparison or a sweep that was saved, and the scenario of the run."""

from __future__ import annotations

import csv
import json
import math
import re
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from sim import store
from sim.analysis.compare import COLUMNS, NET_COST, SAME, Comparison, Differences, Part, Price
from sim.analysis.sweep import Index
from sim.analysis.work import VarianceSplit
from sim.errors import Problem, UserError
from sim.model.metrics import UNITS, Metric
from sim.result import FORMAT, Result
from sim.scenario.meanings import of_path

if TYPE_CHECKING:
    from sim.scenario.document import Scenario

KINDS = ("run", "compare", "sweep")


@dataclass
class Material:
    """Of `result`, `comparison`, `sweep` at least one is there. `remarks`: what the report could not tell, and why;
    `kept`: what took long to work out, for the files that follow."""

    lang: str
    folder: Path
    day: date
    result: Result | None = None
    scenario: Scenario | None = None
    comparison: Comparison | None = None
    sweep: Any = None
    remarks: list[str] = field(default_factory=list)
    kept: dict[str, Any] = field(default_factory=dict)

    def say(self, zh: str, en: str) -> str:
        return zh if self.lang == "zh" else en

    @property
    def manifest(self) -> dict[str, Any]:
        """Of the run, else of the analysis."""
        if self.result is not None:
            return self.result.manifest
        return self.comparison.about if self.comparison is not None else self.sweep.header

    @property
    def today(self) -> str | None:
        """The last quarter that is history, where it lies inside the run."""
        if self.result is None:
            return None
        return self.result.today if self.result.today in self.result.quarters[:-1] else None


def gather(folder: str | Path, lang: str, compare: str | Path | None, sweep: str | Path | None, day: date) -> Material:
    """Reads the folders; UserError with every problem where one is missing, damaged or of another kind or format."""
    material = Material(lang, Path(folder), day)
    problems: list[Problem] = []
    kind = kind_of(material.folder)
    wanted = [(kind, material.folder), ("compare", compare), ("sweep", sweep)]
    for wanted_kind, place in wanted:
        if place is None:
            continue
        try:
            _take(material, wanted_kind, Path(place))
        except UserError as error:
            problems.extend(error.problems)
    if problems:
        raise UserError(problems)
    if material.result is not None:
        _take_scenario(material)
        _remark_on_other_scenarios(material)
    return material


def kind_of(folder: Path) -> str:
    """ "run", "compare", "sweep" or what else the manifest says; a folder without one is judged by Result.load."""
    manifest = _manifest(folder)
    return str(manifest.get("kind", "run")) if manifest is not None else "run"


def _manifest(folder: Path) -> dict[str, Any] | None:
    try:
        manifest = json.loads((folder / store.MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) and manifest.get("program") == store.PROGRAM else None


def _take(material: Material, kind: str, folder: Path) -> None:
    store.recover(folder)
    found = kind_of(folder)
    if kind == "run":
        manifest = _manifest(folder)
        if manifest is not None:
            refuse_other_format(folder, manifest)
        material.result = Result.load(folder)
        return
    if kind not in KINDS:
        message = "a report tells of a run, a comparison or a sweep"
        raise UserError(Problem(message, file=str(folder), found=kind, expected="run | compare | sweep"))
    if _manifest(folder) is None or found != kind:
        told = found if _manifest(folder) is not None else "no result" if folder.is_dir() else "no such folder"
        message = "this folder is no comparison" if kind == "compare" else "this folder is no sweep"
        wrote = f"a folder that `python run.py {kind}` wrote"
        raise UserError(Problem(message, file=str(folder), found=told, expected=wrote))
    try:
        if kind == "compare":
            material.comparison = read_comparison(folder, material.result)
        else:
            material.sweep = read_sweep(folder, material.result)
    except (OSError, KeyError, ValueError, IndexError, StopIteration, TypeError) as error:
        text = f"{type(error).__name__}: {error}"
        again = f"a whole folder; run `python run.py {kind}` again into it"
        raise UserError(Problem("this folder is damaged", file=str(folder), found=text, expected=again)) from error


def refuse_other_format(folder: Path, manifest: dict[str, Any]) -> None:
    """UserError where the folder was written by a version with another layout of results."""
    found = manifest.get("format")
    if found == FORMAT:
        return
    newer = isinstance(found, int) and found > FORMAT
    version = manifest.get("version", "?")
    raise UserError(
        Problem(
            "this result was written by a newer version" if newer else "this result is of an older format",
            file=str(folder),
            found=f"format {found if found is not None else 'not stated'}, version {version}",
            expected=f"format {FORMAT}; "
            + ("use that version" if newer else "run the scenario again into this folder, it will be replaced"),
        )
    )


def _take_scenario(material: Material) -> None:
    from sim.scenario.recorded import scenario_of

    manifest = material.manifest
    if not manifest.get("scenario_text"):
        material.remarks.append(
            material.say(
                "结果中没有保存情景文本，参数来源未列出。",
                "The result keeps no text of its scenario: its parameters are not listed.",
            )
        )
        return
    assert material.result is not None
    try:
        material.scenario = scenario = scenario_of(manifest, material.folder / store.MANIFEST)
        for key, ladder in scenario.ladders.items():
            material.result.names.setdefault(key, {"zh": ladder.name.zh, "en": ladder.name.en})
    except (UserError, OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        material.remarks.append(
            material.say(
                f"本版本已不能读取该情景文本，参数来源未列出（{first}）。",
                f"This version no longer reads the scenario of the run: its parameters are not listed ({first}).",
            )
        )


def _remark_on_other_scenarios(material: Material) -> None:
    """A comparison or a sweep told beside a run should be of the same scenario; where it is not, the report says so."""
    own = str(material.manifest.get("scenario_fingerprint") or "")[:16]
    for analysis, zh, en in (
        (material.comparison, "政策比较的基准情景", "the baseline of the comparison"),
        (material.sweep, "敏感性分析的情景", "the scenario of the sweep"),
    ):
        theirs = analysis.fingerprint if isinstance(analysis, SimpleNamespace) else None
        if isinstance(analysis, Comparison):
            theirs = str(analysis.about.get("scenarios", {}).get(analysis.baseline, ""))
        if own and theirs and theirs != own:
            material.remarks.append(
                material.say(
                    f"{zh}与本次运行的情景不同。", f"{en[:1].upper() + en[1:]} is not the scenario of this run."
                )
            )


# --- folders of analyses


def read_comparison(folder: Path, result: Result | None = None) -> Comparison:
    """What `compare` saved: differences.csv, prices.csv, parts.csv. Labels are those of the run, where one is given."""
    about = _manifest(folder) or {}
    names: dict[str, None] = {}
    metrics: dict[str, str] = {}
    quarters: dict[str, None] = {}
    table: dict[tuple[str, str, str], dict[str, str]] = {}
    with open(folder / "differences.csv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            names.setdefault(row["scenario"])
            metrics.setdefault(row["metric"], row["unit"])
            quarters.setdefault(row["quarter"])
            table[row["scenario"], row["metric"], row["quarter"]] = row
    if not table:
        raise ValueError("differences.csv is empty")

    def column(scenario: str, key: str) -> np.ndarray:
        return np.array([[_float(table[scenario, m, q][key]) for q in quarters] for m in metrics])

    for row in table.values():  # a comparison of an earlier version has no column of this
        row.setdefault("own", str(_float(row["baseline"]) + _float(row["mean"])))
    differences = [Differences(name, *(column(name, key) for key in COLUMNS)) for name in names]
    labels = about.get("labels") or {}
    prices = []
    at = str(about.get("at") or list(quarters)[-1])
    if (folder / "prices.csv").exists():
        with open(folder / "prices.csv", encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                at = row["quarter"] if "at" not in about else at
                numbers = (_float(row[key]) for key in ("additional", "net_cost", "ratio", "low", "high"))
                cash = _float(row.get("net_cost_in_cash") or "")
                prices.append(Price(row["scenario"], row["per"], *numbers, cash=cash, same=row.get("verdict") in SAME))
    parts = []
    if (folder / "parts.csv").exists():
        keys = ("alone", "alone_reach", "last", "last_reach", "shapley", "shapley_reach")
        with open(folder / "parts.csv", encoding="utf-8", newline="") as file:
            parts = [Part(r["change"], r["output"], *(_float(r[key]) for key in keys)) for r in csv.DictReader(file)]
    return Comparison(
        str(about["baseline"]),
        [
            Metric(name, unit, labels[name]) if name in labels else _metric(name, unit, result)
            for name, unit in metrics.items()
        ],
        list(quarters),
        int(about["replications"]),
        column(next(iter(names)), "baseline"),
        differences,
        prices,
        at,
        parts,
        chosen=[name for name in about.get("metrics") or () if name in metrics],
        elsewhere=list(about.get("elsewhere") or ()),
        about=about,
        price_by=str(about.get("price_by") or NET_COST),
    )


def read_sweep(folder: Path, result: Result | None = None) -> Any:
    """What `sweep` saved, with the attributes of a SweepResult that its bar charts and tables read."""
    header = _manifest(folder) or {}
    method, paths = str(header["method"]), [str(path) for path in header["parameters"]]
    indices: list[Index] = []
    shares: dict[str, dict[str, float]] = {}
    with open(folder / "indices.csv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            output = f"{row['metric']}@{row['quarter']}" if row["quarter"] else row["metric"]
            value = _float(row["value"])
            if row["index"].startswith("variance by "):
                shares.setdefault(output, {})[row["index"].removeprefix("variance by ")] = value
            else:
                low, high = _float(row["low"]), _float(row["high"])
                indices.append(Index(output, row["index"], row["parameter"], row["with"], value, low, high))
    with open(folder / "samples.csv", encoding="utf-8", newline="") as file:
        samples = [[_float(row[path]) for path in paths] for row in csv.DictReader(file)]
    design = np.array(samples, dtype=np.float64)
    outputs = [str(output) for output in header["outputs"]]
    metrics = {output: _metric(output.partition("@")[0], "", result) for output in outputs}
    stated = header.get("labels") or {}

    def label(name: str, lang: str) -> str:
        if name in stated:
            return str(stated[name][lang])
        if name not in metrics:
            return of_path(name, lang) or name
        return f"{metrics[name].label[lang]} {name.partition('@')[2]}".strip()

    def unit(name: str) -> str:
        return str(stated[name]["unit"]) if name in stated else metrics[name].unit if name in metrics else ""

    def index(output: str, name: str) -> dict[str, Index]:
        return {i.parameter: i for i in indices if i.output == output and i.name == name}

    seen = zip(paths, design.min(axis=0), design.max(axis=0), strict=True)
    ends = ((path, *(_range(str(header.get("varied", {}).get(path, ""))) or (low, high))) for path, low, high in seen)
    return SimpleNamespace(
        plan=SimpleNamespace(method=method, samples=header["samples"]),
        varied=[SimpleNamespace(path=path, ends=(float(low), float(high))) for path, low, high in ends],
        evaluated=SimpleNamespace(design=design, replications=int(header["replications"])),
        seed=header["seed"],
        indices=indices,
        outputs=outputs,
        undefined=list(header.get("undefined") or ()),
        variance={
            output: VarianceSplit(*(own.get(key, 0.0) for key in ("parameters", "chance", "both")))
            for output, own in shares.items()
        },
        model=SimpleNamespace(label=label, unit=unit),
        index=index,
        header=header,
        fingerprint=str(header.get("scenario and program", "")).partition("-")[0],
    )


def _range(text: str) -> tuple[float, float] | None:
    """The ends of `uniform(low 0.5, high 2.0)`; None for a spread without ends."""
    found = re.fullmatch(r"uniform\(low (\S+), high (\S+)\)", text)
    return (float(found[1]), float(found[2])) if found else None


def _float(text: str) -> float:
    return float(text) if text else math.nan


def _metric(name: str, unit: str, result: Result | None) -> Metric:
    """The run's own metric, else one with the label that the model or the table of terms gives."""
    if result is not None and name in result:
        return result.metric(name)
    from sim.model.layout import FIXED
    from sim.terms import UnknownTerm, label_of

    for fixed, own, kind, zh, en in FIXED:
        if fixed == name:
            return Metric(name, own, {"zh": zh, "en": en}, kind)
    if unit not in UNITS:
        last = name.rpartition(".")[2]
        money = ("size", "paid_in", "distributed", "nav", "fees", "carry", "net_cash", "valuation", "local", "outside")
        unit = "CNY" if last in money or "raised" in name else "ratio" if last in ("tvpi", "dpi") else "firms"
    try:
        return Metric(name, unit, {lang: label_of(name, {}, lang) for lang in ("zh", "en")})
    except UnknownTerm:
        return Metric(name, unit, {"zh": name, "en": name})
