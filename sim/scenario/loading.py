"""A tree becomes a validated Scenario: all errors at once, each with its file and line; provenance for every number."""

import difflib
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from sim.errors import Problem, UserError
from sim.scenario.fields import Quantity, Table
from sim.scenario.reading import Tree, apply_set, nearest, read_tree, shown

Model = TypeVar("Model", bound=Table)


class ScenarioProblems(ValueError):
    """Several problems found by a model's validator: (path, message, found, allowed names)."""

    def __init__(self, problems: list[tuple[str, str, object, list[str]]]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{p}: {m}" for p, m, _, _ in problems))


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str) if not isinstance(value, str) else f'"{value}"'
    return text if len(text) <= 60 else text[:57] + "..."


def _named(loc: tuple[Any, ...], data: Any) -> str:
    """pydantic's location with ids instead of numbers, union and validator tags left out."""
    parts: list[str] = []
    node = data
    for step in loc:
        if isinstance(node, list) and isinstance(step, int) and step < len(node):
            node = node[step]
            parts.append(str(node["id"]) if isinstance(node, dict) and isinstance(node.get("id"), str) else str(step))
        elif isinstance(node, dict) and step in node:
            node = node[step]
            parts.append(str(step))
        elif isinstance(node, dict):
            parts.append(str(step))
            node = None
    return ".".join(parts)


def _model_at(root: type[BaseModel], loc: tuple[Any, ...]) -> type[BaseModel] | None:
    """The model class that holds the last key of a location, as far as annotations tell."""
    import typing

    at: Any = root
    for step in loc[:-1]:
        if isinstance(at, type) and issubclass(at, BaseModel):
            info = at.model_fields.get(str(step))
            at = info.annotation if info else None
        elif typing.get_origin(at) in (dict, list):
            at = typing.get_args(at)[-1]
        if at is None:
            return None
        while typing.get_origin(at) is typing.Annotated or (typing.get_args(at) and type(None) in typing.get_args(at)):
            at = next(a for a in typing.get_args(at) if a is not type(None))
    return at if isinstance(at, type) and issubclass(at, BaseModel) else None


def _problems(error: ValidationError, root: type[BaseModel], tree: Tree) -> list[Problem]:
    out: list[Problem] = []
    for e in error.errors(include_url=False):
        inner = (e.get("ctx") or {}).get("error")
        if isinstance(inner, ScenarioProblems):
            for path, message, found, allowed in inner.problems:
                file, line = tree.place(path)
                near = difflib.get_close_matches(str(found), allowed, 1, 0.4) if found is not None else []
                expected = ", ".join(allowed[:8]) + (" ..." if len(allowed) > 8 else "") if allowed else None
                shown_value = None if found is None else _short(found)
                out.append(Problem(message, file, line or None, path, shown_value, expected, near[0] if near else None))
            continue
        loc = e["loc"]
        path = _named(loc, tree.data)
        file, line = tree.place(path)
        kind, message = e["type"], str(e["msg"])
        found, expected, near = _short(e.get("input")), None, None
        if kind == "extra_forbidden":
            model = _model_at(root, loc)
            names = [n for n in model.model_fields if n not in ("source", "grade", "note")] if model else []
            close = difflib.get_close_matches(str(loc[-1]), names, 1, 0.5)
            message, near, found = "unknown key", close[0] if close else None, str(loc[-1])
            expected = None if near else ", ".join(names[:12]) or None
        elif kind == "missing":
            message, found = "this key is missing", None
        elif kind == "value_error":
            message = message.removeprefix("Value error, ")
        elif kind == "literal_error":
            expected = (e.get("ctx") or {}).get("expected")
            message = "is not one of the allowed words"
            words = [w.strip().strip("'") for w in str(expected).replace(" or ", ", ").split(",")]
            close = difflib.get_close_matches(str(e.get("input")), words, 1, 0.4)
            near = close[0] if close else None
        elif kind == "model_type":
            message, expected = "a table is needed here", "[table] or { key = value }"
        out.append(Problem(message, file, line or None, path or None, found, expected, near))
    return out


def _settle(model: Any, path: str, source: str | None, grade: str | None, tree: Tree) -> None:
    """Write each quantity's path, and the source and grade of the nearest table above that states them."""
    if isinstance(model, Quantity):
        model.path = path
        file, _ = tree.place(path)
        if model.grade is None:
            model.grade = grade or "assumed"  # type: ignore[assignment]
        if not model.source:
            model.source = source or f"stated in {Path(file).name if file else 'the file'} without a source"
    elif isinstance(model, BaseModel):
        if isinstance(model, Table):
            source, grade = model.source or source, model.grade or grade
        for name in type(model).model_fields:
            _settle(getattr(model, name), f"{path}.{name}" if path else name, source, grade, tree)
    elif isinstance(model, dict):
        for key, value in model.items():
            _settle(value, f"{path}.{key}" if path else str(key), source, grade, tree)
    elif isinstance(model, list | tuple):
        for i, value in enumerate(model):
            _settle(value, f"{path}.{getattr(value, 'id', i)}", source, grade, tree)


def load(model: type[Model], path: str | Path, overrides: Iterable[str] = ()) -> Model:
    """A validated model from a file, what it extends, and --set assignments.

    Raises UserError with every problem found: file, line, key, value found, what is allowed, the nearest right name.
    """
    tree = read_tree(path)
    problems: list[Problem] = []
    for assignment in overrides:
        try:
            apply_set(tree, assignment)
        except UserError as error:
            problems.extend(error.problems)
    if problems:
        raise UserError(problems)
    return _validated(model, tree, Path(path))


def _validated(model: type[Model], tree: Tree, path: Path) -> Model:
    try:
        made = model.model_validate(tree.data)
    except ValidationError as error:
        raise UserError(_problems(error, model, tree)) from None
    _settle(made, "", None, None, tree)
    canonical = json.dumps(tree.data, sort_keys=True, ensure_ascii=False, default=str)
    object.__setattr__(made, "_tree", tree)
    object.__setattr__(made, "_path", shown(path))
    object.__setattr__(made, "_fingerprint", hashlib.sha256(canonical.encode()).hexdigest())
    object.__setattr__(made, "_text_of_files", tree.texts)
    object.__setattr__(made, "_overrides", tuple(tree.sets))
    return made


def with_overrides(scenario: Model, values: Mapping[str, object]) -> Model:
    """The same scenario with other values at some paths, validated again."""
    import copy

    tree = copy.deepcopy(scenario._tree)  # type: ignore[attr-defined]
    for path, value in values.items():
        text = value if isinstance(value, str) else json.dumps(value)
        apply_set(tree, f"{path}={text}")
    return _validated(type(scenario), tree, Path(scenario._path))  # type: ignore[attr-defined]


def find_quantity(scenario: Table, path: str) -> Quantity:
    """The quantity at a dotted path; UserError with the nearest path otherwise."""
    from sim.scenario.fields import iter_quantities

    known = dict(iter_quantities(scenario))
    if path in known:
        return known[path]
    node: Any = scenario
    for part in path.split("."):
        if isinstance(node, dict):
            node = node.get(part)
        elif isinstance(node, list):
            node = next((x for i, x in enumerate(node) if getattr(x, "id", str(i)) == part), None)
        else:
            node = getattr(node, part, None) if isinstance(node, BaseModel) else None
        if node is None:
            raise UserError(Problem("no such parameter", key=path, nearest=nearest(path, known)))
    what = "a table" if isinstance(node, BaseModel | dict | list) else _short(node)
    raise UserError(Problem("is not a number that can be varied", key=path, found=what, nearest=nearest(path, known)))


def provenance(scenario: Table) -> list[dict[str, Any]]:
    """A row for every parameter: path, value, unit, distribution, grade, source. Facts are no parameters."""
    from sim.scenario.fields import iter_quantities

    return [
        {
            "path": path,
            "value": q.value,
            "unit": q.unit,
            "distribution": str(q.distribution or ""),
            "grade": q.grade,
            "source": q.source,
            "note": q.note,
        }
        for path, q in iter_quantities(scenario)
        if not path.startswith(("facts.", "levers."))
    ]


def grade_shares(scenario: Table) -> dict[str, float]:
    """Share of the parameters by grade."""
    rows = provenance(scenario)
    return {g: sum(r["grade"] == g for r in rows) / max(1, len(rows)) for g in ("published", "estimated", "assumed")}
