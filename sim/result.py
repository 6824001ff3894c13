"""What a run found: every metric of every replication and quarter, the logs of a few worlds, the facts beside them.

A result is a folder: manifest.json, summary.csv, facts.csv, ensemble.nc (netCDF-3, dimensions replication and quarter,
one float64 variable a metric), a Parquet file for each event log, figures/.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sim import netcdf, store
from sim.coded import Coded, Column
from sim.errors import Problem, UserError
from sim.model.metrics import Metric
from sim.netcdf import Variable

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

    Floats = np.ndarray[Any, np.dtype[np.float64]]
    Table = Mapping[str, np.ndarray]

BOOK_KEYS = ("paid_in", "distributed", "nav")  # of manifest["books"]: what funds had behind them at the start
ENSEMBLE = "ensemble.nc"
SUMMARY = "summary.csv"
FACTS = "facts.csv"
FORMAT = 1  # of the folder; raised when an older program could not read a newer result
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
FACT_COLUMNS = ("id", "use", "metric", "date", "observed", "unit", "p05", "p50", "p95", "inside")
MORE_FACT_COLUMNS = ("bound", "statistic", "probability", "name", "source", "note", "since", "name_zh")


@dataclass(frozen=True)
class ScoredFact:
    """A published fact beside what was simulated. An input has no band: it is not evidence.

    `bound`: "exact", "at_least" or "at_most"; `statistic`: how the replication's firms become one number ("max", ...).
    `probability`: share of replications in which the simulated value reaches the observed one. `date`: a quarter.
    `since`: the quarter from which a change is counted; such a fact is no point on the metric's curve.
    `name`, `name_zh`: what people call it, in English and in Chinese.
    """

    id: str
    use: str
    metric: str
    date: str
    observed: float
    unit: str = ""
    bound: str = "exact"
    statistic: str = ""
    p05: float | None = None
    p50: float | None = None
    p95: float | None = None
    inside: bool | None = None
    probability: float | None = None
    source: str = ""
    note: str = ""
    name: str = ""
    since: str = ""
    name_zh: str = ""


class SummaryRow(NamedTuple):
    metric: str
    quarter: str
    unit: str
    mean: float
    p05: float
    p25: float
    p50: float
    p75: float
    p95: float


@dataclass
class Result:
    """`values`: float64[metric, replication, quarter]; a metric that is undefined is NaN, never 0.

    `samples`: event tables of the first replications, {"rounds": {column: array}, ...}. `names`: what the scenario
    calls its ladders, levels, funds and firms, {id: {"zh": ..., "en": ...}}. Of the manifest, figures read "zone"
    ({"zh", "en"}), "scenario", "seed", "today" (the quarter where history ends) and "multiple_marked".

    >>> result["firms.alive"].shape             # doctest: +SKIP
    (200, 57)
    """

    metrics: list[Metric]
    quarters: list[str]
    values: Floats
    samples: Mapping[str, Table] = field(default_factory=dict)
    facts: list[ScoredFact] = field(default_factory=list)
    manifest: dict[str, Any] = field(default_factory=dict)
    names: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        expected = (len(self.metrics), len(self.quarters))
        found = (self.values.shape[0], self.values.shape[-1])
        if self.values.ndim != 3 or found != expected:
            raise ValueError(
                f"values are [metric, replication, quarter]: {expected[0]} metrics and {expected[1]} quarters do not"
                f" fit the shape {self.values.shape}"
            )
        self._place = {metric.name: i for i, metric in enumerate(self.metrics)}
        if len(self._place) != len(self.metrics):
            twice = [metric.name for i, metric in enumerate(self.metrics) if self._place[metric.name] != i]
            raise ValueError(f"two metrics have the same name: {', '.join(twice)}")

    # --- reading ---------------------------------------------------------------------------------------------

    @property
    def replications(self) -> int:
        return self.values.shape[1]

    @property
    def today(self) -> str | None:
        """The scenario's own last quarter of history; manifests of earlier versions have its number."""
        from sim.quantities import quarter_name

        today = self.manifest.get("today")
        return quarter_name(today) if isinstance(today, int) else today

    def metric(self, name: str) -> Metric:
        return self.metrics[self._index(name)]

    def quarter(self, name: str) -> int:
        """The column of a quarter such as "2023Q4"."""
        try:
            return self.quarters.index(name)
        except ValueError:
            raise UserError(
                [
                    Problem(
                        "the result has no such quarter",
                        found=name,
                        expected=f"{self.quarters[0]} to {self.quarters[-1]}",
                    )
                ]
            ) from None

    def __getitem__(self, name: str) -> Floats:
        """float64[replication, quarter]"""
        return self.values[self._index(name)]

    def __contains__(self, name: object) -> bool:
        return name in self._place

    def starts_later(self, name: str) -> bool:
        """Whether a flow is nought at the start in every world: that quarter has not been lived through, so it is no
        amount to be shown."""
        return self.metric(name).kind == "flow" and not np.any(self[name][:, 0])

    def changes(self, name: str) -> bool:
        """Whether a metric is there and leaves its first value in any replication."""
        return name in self and bool(np.any(self[name] != self[name][:, :1]))

    def __repr__(self) -> str:
        title = self.manifest.get("scenario") or "result"
        return (
            f"<Result {title}: {len(self.metrics)} metrics, {self.replications} worlds,"
            f" {self.quarters[0]} to {self.quarters[-1]}>"
        )

    def quantiles(self, metric: str, qs: Sequence[float] = QUANTILES) -> Floats:
        """float64[quantile, quarter] over the replications in which the metric is defined; NaN where there is none."""
        return _quantiles(self[metric], qs)

    def summary(self, metrics: Sequence[str] | None = None, quarters: Sequence[str] | None = None) -> list[SummaryRow]:
        """A row for every metric and quarter, or for those asked for."""
        names = [metric.name for metric in self.metrics] if metrics is None else list(metrics)
        columns = range(len(self.quarters)) if quarters is None else [self.quarter(q) for q in quarters]
        rows = []
        for name in names:
            unit = self.metric(name).unit
            table = np.vstack([_mean(self[name]), self.quantiles(name)]).T.tolist()
            rows += [SummaryRow(name, self.quarters[c], unit, *table[c]) for c in columns]
        return rows

    def to_xarray(self, lang: str = "en") -> xarray.Dataset:
        """One variable a metric, dims (replication, quarter), units and long_name as attributes; data are shared."""
        import xarray

        return xarray.Dataset(
            {
                metric.name: (
                    ("replication", "quarter"),
                    self.values[i],
                    {"units": metric.unit, "long_name": metric.label[lang], "kind": metric.kind},
                )
                for i, metric in enumerate(self.metrics)
            },
            coords={
                "replication": np.arange(self.replications),
                "quarter": np.array(self.quarters, dtype=object),
                "quarter_end": ("quarter", np.array([_end(q) for q in self.quarters], dtype="datetime64[ns]")),
            },
            attrs={"title": str(self.manifest.get("scenario", "")), "source": "Headwater"},
        )

    def plot(self, metric: str | Sequence[str] | None = None, lang: str = "zh", **options: Any) -> Figure:
        """A fan chart of one metric, small multiples of several, or the overview."""
        from sim import figures

        if metric is None:
            return figures.overview(self, lang=lang, **options)
        if isinstance(metric, str):
            return figures.fan(self, metric, lang=lang, **options)
        return figures.panel(self, list(metric), lang=lang, **options)

    def _index(self, name: str) -> int:
        try:
            return self._place[name]
        except KeyError:
            from sim.scenario.reading import nearest

            near = nearest(name, self._place)
            raise UserError(
                [
                    Problem(
                        "the result has no such metric: `python run.py metrics SCENARIO` lists them",
                        found=name,
                        nearest=near,
                    )
                ]
            ) from None

    # --- the folder ------------------------------------------------------------------------------------------

    def save(
        self, folder: str | Path, figures: bool = False, lang: str = "zh", formats: Sequence[str] = ("png",)
    ) -> Path:
        """Writes the result as a folder, whole or not at all; an older result is replaced when this one is complete."""
        with store.write_folder(folder) as building:
            about = {"format": FORMAT, "replications": self.replications, "names": self.names}
            store.write_json(building / store.MANIFEST, {**self.manifest, **about})
            store.write_text(building / SUMMARY, self.summary_csv())
            store.write_text(building / FACTS, facts_csv(self.facts))
            self._write_ensemble(building / ENSEMBLE)
            _write_tables(building, self.samples)
            if figures:
                from sim import figures as drawing

                drawing.draw_all(self, building / "figures", lang=lang, formats=formats)
        return Path(folder)

    @classmethod
    def load(cls, folder: str | Path) -> Result:
        """The result that was saved there. Refuses, with the file and the remedy, what is missing or damaged."""
        folder = Path(folder)
        store.recover(folder)
        if not folder.is_dir():
            raise _no_result("there is no such result", folder, nearest=_sibling(folder))
        if not store.is_result(folder):
            raise _no_result("this folder is not a result: it has no manifest.json of headwater", folder)
        manifest = _read(folder / store.MANIFEST, _read_manifest)
        if kind := manifest.get("kind"):
            raise _no_result("this folder holds what another command found, and no run", folder, found=str(kind))
        metrics, quarters, values = _read(folder / ENSEMBLE, _read_ensemble)
        facts = _read(folder / FACTS, _read_facts)
        if manifest.get("replications") != values.shape[1]:
            raise _damaged(folder / ENSEMBLE, f"{values.shape[1]} worlds, the manifest says otherwise")
        names = manifest.get("names") or {}
        return cls(metrics, quarters, values, _Tables(folder), facts, manifest, names)

    def summary_csv(self) -> str:
        lines = [",".join(SummaryRow._fields)]
        for row in self.summary():
            lines.append(",".join((*row[:3], *("" if x != x else f"{x:.12g}" for x in row[3:]))))
        return "\n".join(lines) + "\n"

    def _write_ensemble(self, path: Path) -> None:
        names = np.array([q.encode("ascii") for q in self.quarters])
        ends = np.array([(_end(q) - date(1970, 1, 1)).days for q in self.quarters], dtype=np.int32)
        variables = {
            "quarter": Variable(
                ("quarter", "quarter_name_length"), names.view("S1").reshape(len(names), -1), {"_Encoding": "utf-8"}
            ),
            "quarter_end": Variable(("quarter",), ends, {"units": "days since 1970-01-01"}),
            "replication": Variable(("replication",), np.arange(self.replications, dtype=np.int32)),
        }
        for metric, values in zip(self.metrics, self.values, strict=True):
            attributes = {
                "units": metric.unit,
                "long_name": metric.label["en"],
                "long_name_zh": metric.label["zh"],
                "kind": metric.kind,
                "coordinates": "quarter_end",
            }
            variables[metric.name] = Variable(("replication", "quarter"), values, attributes)
        dimensions = {
            "replication": self.replications,
            "quarter": len(names),
            "quarter_name_length": names.itemsize,
        }
        about = {"title": str(self.manifest.get("scenario", "")), "source": "Headwater", "Conventions": "CF-1.8"}
        netcdf.write(path, dimensions, variables, about)


# --- statistics ------------------------------------------------------------------------------------------------------


def _quantiles(values: Floats, qs: Sequence[float]) -> Floats:
    """float64[quantile, quarter] of values [replication, quarter], by linear interpolation between order statistics."""
    ordered = np.sort(np.ascontiguousarray(values.T), axis=1)  # NaN to the end
    count = values.shape[0] - np.isnan(values).sum(axis=0)
    rank = np.maximum(count - 1, 0) * np.asarray(qs, dtype=np.float64)[:, None]
    low = rank.astype(np.int64)
    part = rank - low
    row = np.arange(values.shape[1])
    below, above = ordered[row, low], ordered[row, np.minimum(low + 1, np.maximum(count - 1, 0))]
    with np.errstate(invalid="ignore"):  # infinity times nought, where `below` is taken as it is
        return np.where((part == 0.0) | (below == above), below, below * (1.0 - part) + above * part)


def _mean(values: Floats) -> Floats:
    defined = ~np.isnan(values)
    count = defined.sum(axis=0)
    total = np.where(defined, values, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _end(quarter: str) -> date:
    """The last day of "2023Q4"."""
    year, q = int(quarter[:4]), int(quarter[5])
    return date(year + q // 4, q % 4 * 3 + 1, 1) - timedelta(days=1)


# --- files -----------------------------------------------------------------------------------------------------------


def facts_csv(facts: Sequence[ScoredFact]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = FACT_COLUMNS + MORE_FACT_COLUMNS
    writer.writerow(columns)
    for fact in facts:
        writer.writerow(_cell(getattr(fact, column)) for column in columns)
    return text.getvalue()


def _cell(value: Any) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    return repr(float(value)).removesuffix(".0") if isinstance(value, (float, int, np.number)) else str(value)


def _read_facts(path: Path) -> list[ScoredFact]:
    def number(text: str) -> float | None:
        return float(text) if text else None

    facts = []
    with open(path, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            known = ("id", "use", "metric", "date", "unit", *MORE_FACT_COLUMNS)
            read: dict[str, Any] = {key: row[key] for key in known if key in row or key != "name_zh"}
            read |= {key: number(row[key]) for key in ("p05", "p50", "p95", "probability")}
            inside = {"true": True, "false": False, "": None}[row["inside"]]
            facts.append(ScoredFact(observed=float(row["observed"] or "nan"), inside=inside, **read))
    return facts


def _read_manifest(path: Path) -> dict[str, Any]:
    import json

    manifest = json.loads(path.read_text(encoding="utf-8"))
    for key, kind in _MANIFEST_KINDS.items():
        if key in manifest and not isinstance(manifest[key], kind):
            raise ValueError(f"{key} is {type(manifest[key]).__name__}, not {kind.__name__}")
    return manifest


# what other rooms take for granted where it is there
_MANIFEST_KINDS: dict[str, type] = {
    "scenario": str,
    "scenario_text": dict,
    "overrides": list,
    "seed": int,
    "replications": int,
    "names": dict,
    "zone": dict,
    "kernel": str,
}


def _read_ensemble(path: Path) -> tuple[list[Metric], list[str], Floats]:
    dimensions, variables, _ = netcdf.read(path)
    quarters = [b"".join(name).decode("ascii") for name in variables["quarter"].data]
    rows = {name: v for name, v in variables.items() if v.dimensions == ("replication", "quarter")}
    values = np.empty((len(rows), dimensions["replication"], dimensions["quarter"]))
    metrics = []
    for i, (name, variable) in enumerate(rows.items()):
        values[i] = variable.data
        about = variable.attributes
        label = {"zh": about["long_name_zh"], "en": about["long_name"]}
        metrics.append(Metric(name, about["units"], label, about["kind"]))  # type: ignore[arg-type]
    return metrics, quarters, values


def _write_tables(folder: Path, tables: Mapping[str, Table]) -> None:
    if not tables:
        return
    import duckdb

    table_of: Callable[[str], Mapping[str, Column]] = getattr(tables, "coded", tables.__getitem__)

    try:
        with duckdb.connect(config={"threads": 1}) as connection:
            for name in tables:
                if table := table_of(name):
                    arrays, columns = _for_database(table)
                    connection.register("events", arrays)
                    store.will_write(folder / f"{name}.parquet")
                    target = _quoted(str(folder / f"{name}.parquet"))
                    rows = f"SELECT {', '.join(columns)} FROM events"
                    connection.execute(f"COPY ({rows}) TO {target} (FORMAT parquet, COMPRESSION zstd)")
                    connection.unregister("events")
    except duckdb.IOException as error:
        raise OSError(None, f"event logs: {str(error).splitlines()[0]}") from error


def _for_database(table: Mapping[str, Column]) -> tuple[dict[str, np.ndarray], list[str]]:
    """(arrays to register, what to select of them): coded texts are put together by DuckDB; others go as objects, for
    fixed-width ones take it ten times longer."""
    arrays: dict[str, np.ndarray] = {}
    columns = []
    for key, column in table.items():
        if not isinstance(column, Coded):
            arrays[key] = column.astype(object) if column.dtype.kind == "U" else np.ascontiguousarray(column)
            columns.append(f'"{key}"')
            continue
        arrays[key] = column.code.astype(np.int32)
        text = f"[{', '.join(map(_quoted, column.texts.tolist()))}]"
        value = f'{text}["{key}" + 1]'
        if column.number is not None:
            arrays[f"{key} number"] = np.ascontiguousarray(column.number)
            value = f"""({value} || CASE WHEN "{key} number" < 0 THEN '' ELSE "{key} number"::VARCHAR END)::VARCHAR"""
        columns.append(f'{value} AS "{key}"')
    return arrays, columns


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


class _Tables(Mapping[str, "Table"]):
    """The event logs of a folder, each read when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._paths = {path.stem: path for path in sorted(folder.glob("*.parquet"))}
        self._read: dict[str, Table] = {}

    def __getitem__(self, name: str) -> Table:
        if name not in self._read:
            self._read[name] = _read(self._paths[name], _read_table)
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def _read_table(path: Path) -> Table:
    import duckdb

    with duckdb.connect(config={"threads": 1}) as connection:
        try:
            columns = connection.execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchnumpy()
        except duckdb.Error as error:
            raise ValueError(str(error).splitlines()[0]) from error
    return {name: _whole(column) for name, column in columns.items()}


def _whole(column: Any) -> np.ndarray:
    """An undefined number is NaN here and null in the file."""
    if isinstance(column, np.ma.MaskedArray):
        return column.filled(np.nan if column.dtype.kind == "f" else None if column.dtype.kind == "O" else 0)
    return column


def _read(path: Path, reader: Any) -> Any:
    """What the reader makes of the file, or a UserError that names it."""
    try:
        return reader(path)
    except UserError:
        raise
    except FileNotFoundError:
        raise _damaged(path, "the file is missing") from None
    except PermissionError as error:
        raise UserError([Problem("this file may not be read", file=str(path), found=error.strerror)]) from None
    except Exception as error:  # every reader has its own way to say that the bytes make no sense
        raise _damaged(path, f"{type(error).__name__}: {error}") from error


def _damaged(path: Path, found: str) -> UserError:
    remedy = "a whole file; run the scenario again into this folder, it will be replaced"
    return UserError([Problem("the result is damaged", file=str(path), found=found, expected=remedy)])


def _no_result(message: str, folder: Path, nearest: str | None = None, found: str | None = None) -> UserError:
    expected = "a folder that `python run.py run` wrote, such as results/xian"
    return UserError([Problem(message, file=str(folder), found=found, expected=expected, nearest=nearest)])


def _sibling(folder: Path) -> str | None:
    """A result beside the missing one with nearly its name."""
    from difflib import get_close_matches

    if not folder.parent.is_dir():
        return None
    names = [path.name for path in folder.parent.iterdir() if path.is_dir() and store.is_result(path)]
    close = get_close_matches(folder.name, names, n=1, cutoff=0.6)
    return str(folder.parent / close[0]) if close else None
