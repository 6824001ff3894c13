"""A tree becomes a validated Scenario: all errors at once, each with its file and line; provenance for every number."""

import difflib
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from sim.errors import OneOf, Problem, ScenarioProblems, UserError, reference_problem
from sim.scenario import doubt
from sim.scenario.fields import Computed, Quantity, Table, iter_parameters, iter_quantities
from sim.scenario.reading import COMMAND_LINE, Tree, apply_set, below, field_names, nearest, read_tree, set_value, shown
from sim.terms import term

__all__ = [
    "OneOf",
    "ScenarioProblems",
    "find_quantity",
    "grade_shares",
    "load",
    "load_tree",
    "provenance",
    "reference_problem",
    "with_overrides",
]

Model = TypeVar("Model", bound=Table)
MISSING = "this key is missing"
PROVENANCE_KEYS = ("source", "grade", "note")
NEEDED = {  # beginnings of pydantic's error types -> what people call it
    "int": "a whole number is needed here",
    "float": "a number is needed here",
    "bool": "true or false is needed here",
    "string": "a text is needed here",
    "list": "a list is needed here: [ ... ]",
    "tuple": "a list is needed here: [ ... ]",
    "dict": "a table is needed here: [table] or { key = value }",
    "model": "a table is needed here: [table] or { key = value }",
}


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = f'"{text}"' if isinstance(value, str) else text
    return text if len(text) <= 60 else text[:57] + "..."


def _blamed(key: str, above: str, tree: Tree) -> str:
    """Of several paths the last one that stands in a file above the one that has the table; else the table."""
    if not isinstance(key, OneOf):
        return str(key)
    files = list(tree.texts)

    def height(path: str) -> int:
        file = str(tree.place(".".join(x for x in (above, path) if x))[0])
        return len(files) if file.startswith(COMMAND_LINE) else files.index(file) if file in files else -1

    newest = max(key.of, key=lambda path: (height(path), key.of.index(path)), default=str(key))
    return newest if height(newest) > height(key) else str(key)


def _close(found: object, allowed: Iterable[str], cutoff: float = 0.6) -> str | None:
    allowed = list(allowed)
    if "." in str(found) and (near := nearest(str(found), allowed)):  # a dotted name: by its last part
        return near
    close = difflib.get_close_matches(str(found), list(allowed), 1, cutoff)
    return close[0] if close else None


def _some(names: list[str]) -> str | None:
    return ", ".join(names[:12]) + (" ..." if len(names) > 12 else "") if names else None


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
        elif isinstance(node, dict) and step != "[key]":
            parts.append(str(step))
            node = None
    return ".".join(parts)


def _problems(error: ValidationError, root: type[BaseModel], tree: Tree) -> list[Problem]:
    out: list[Problem] = []
    meant: set[str] = set()  # keys that are missing because they are misspelt
    for e in error.errors(include_url=False):
        loc, kind, given = e["loc"], e["type"], e.get("input")
        path = _named(loc, tree.data)
        file, line = tree.place(path)
        inner = (e.get("ctx") or {}).get("error")
        if isinstance(inner, ScenarioProblems):
            for key, message, found, allowed in inner.problems:
                whole = ".".join(x for x in (path, _blamed(key, path, tree)) if x)
                file, line = tree.place(whole)
                near = _close(found, allowed) if found is not None else None
                shown_value = None if found is None else _short(found)
                out.append(Problem(message, file, line, whole, shown_value, _some(allowed), near))
            continue
        message, found, expected, near, meaning = str(e["msg"]), _short(given), None, None, None
        if kind == "extra_forbidden":
            holder: Any = root
            for step in loc[:-1]:
                holder = below(holder, step)
            names = field_names(holder)
            near = _close(loc[-1], names, 0.5)
            meant.add(".".join(x for x in (path.rpartition(".")[0], near) if x))
            message, found = "unknown key", str(loc[-1])
            expected = None if near else _some([n for n in names if n not in PROVENANCE_KEYS])
            if held := _level_meant(loc[-1], given, holder, tree):
                if loc[0] == "ladders":
                    message = "a condition is about the accounts; what a firm must hold is said beside `conditions`"
                    own = held.removeprefix(f"{loc[1]}.")  # the level of the same ladder goes by its id
                    expected = f'requires = "{own}"'
                else:
                    message = (
                        "a condition is about the accounts; which certificate a firm must hold is said beside"
                        " `eligible`"
                    )
                    expected = f'level = "{held}"'
                found, near = f"{loc[-1]} = {_short(given)}", None
        elif kind == "missing":
            message, found, meaning = MISSING, None, _meaning(root, loc)
        elif kind == "value_error":
            message = message.removeprefix("Value error, ")
            found = None if isinstance(given, dict) and not loc else found
        elif kind == "literal_error":
            expected = str((e.get("ctx") or {}).get("expected"))
            message = "is not one of the allowed words"
            near = _close(given, (w.strip().strip("'") for w in expected.replace(" or ", ", ").split(",")))
        else:
            message = next((words for start, words in NEEDED.items() if kind.startswith(f"{start}_")), message)
        out.append(Problem(message, file, line, path or None, found, expected, near, meaning))
    return _items_at_once([p for p in out if p.message != MISSING or p.key not in meant], tree)


def _level_meant(key: Any, given: Any, holder: Any, tree: Tree) -> str:
    """`certificates.hte` where a set of conditions states `certificates = "hte"`, or "certificates.hte", as if a ladder
    were an account."""
    from sim.model.ladders.parameters import Conditions

    ladders = tree.data.get("ladders")
    ladder = ladders.get(key) if isinstance(ladders, dict) else None
    levels = ladder.get("levels") if isinstance(ladder, dict) else None
    if holder is not Conditions or not isinstance(levels, dict) or not isinstance(given, str):
        return ""
    level = given.removeprefix(f"{key}.")  # `certificates = "certificates.hte"` is meant alike
    return f"{key}.{level}" if level in levels else ""


def _items_at_once(problems: list[Problem], tree: Tree) -> list[Problem]:
    """Several keys that are missing of one item of an array, told once: it may be meant to change an item of the files
    below, and its id is misspelt."""
    missing: dict[str, list[str]] = {}
    for p in problems:
        above, _, key = (p.key or "").rpartition(".")
        if p.message == MISSING and len(tree.texts) > 1 and _items_beside(above, tree.data):
            missing.setdefault(above, []).append(key)
    out: list[Problem] = []
    told: set[str] = set()
    for p in problems:
        above = (p.key or "").rpartition(".")[0]
        if p.message != MISSING or len(missing.get(above, ())) < 2:
            out.append(p)
        elif above not in told:
            told.add(above)
            keys, name = ", ".join(missing[above]), above.rpartition(".")[2]
            message = f"no file that this one extends has this item, and a new item lacks these keys: {keys}"
            file, line = tree.place(f"{above}.id")
            others = [other for other in _items_beside(above, tree.data) if other not in (name, *missing)]
            out.append(Problem(message, file, line, above, name, None, _close(name, others)))
    return out


def _items_beside(path: str, data: Any) -> list[str]:
    """Ids of the array in which the item at a path stands; empty where it is no item of one."""
    node, above = data, path.rpartition(".")[0]
    for step in above.split(".") if above else ():
        if isinstance(node, list):
            node = next((x for x in node if isinstance(x, dict) and x.get("id") == step), None)
        else:
            node = node.get(step) if isinstance(node, dict) else None
    if not path or not isinstance(node, list):
        return []
    return [str(x["id"]) for x in node if isinstance(x, dict) and "id" in x]


def _meaning(root: type[BaseModel], loc: tuple[Any, ...]) -> tuple[str, str] | None:
    """What a missing key means, in both languages; None where nothing is said of it."""
    from sim.scenario.meanings import of_key

    holder: Any = root
    for step in loc[:-1]:
        holder = below(holder, step)
    if not (isinstance(holder, type) and issubclass(holder, BaseModel)):
        return None
    told = tuple(of_key(holder, str(loc[-1]), lang).rstrip(".。") for lang in ("zh", "en"))
    return (told[0], told[1]) if all(told) else None


def _settle(model: Any, path: str, source: str | None, grade: str | None, tree: Tree) -> None:
    """Write each quantity's path, and the source and grade of the nearest table above that states them."""
    if isinstance(model, Quantity):
        model.path = path
        file, _ = tree.place(path)
        if file is not None and file.startswith(COMMAND_LINE):
            source, grade = term("source.set", "en"), "assumed"
        if model.grade is None:
            model.grade = grade or "assumed"  # type: ignore[assignment]
        if not model.source:
            model.source = source or term("source.none", "en").format(file=Path(file).name if file else "the file")
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


def load_tree(path: str | Path, overrides: Iterable[str] = (), root: type[BaseModel] | None = None) -> Tree:
    """A file, what it extends and --set assignments as one tree, not validated. root: the model, which knows what keys
    the files leave out.

    Raises UserError where a file cannot be read, or with every assignment that leads nowhere.
    """
    tree = read_tree(path)
    problems: list[Problem] = []
    for assignment in overrides:
        try:
            apply_set(tree, assignment, root)
        except UserError as error:
            problems.extend(error.problems)
    if problems:
        raise UserError(problems)
    return tree


def load(model: type[Model], path: str | Path, overrides: Iterable[str] = ()) -> Model:
    """A validated model from a file, what it extends, and --set assignments.

    Raises UserError with every problem found: file, line, key, value found, what is allowed, the nearest right name.
    """
    return _validated(model, load_tree(path, overrides, model), Path(path))


def _validated(model: type[Model], stated: Tree, path: Path) -> Model:
    from sim.scenario.packs import with_pack

    tree = with_pack(stated, model)
    try:
        made = model.model_validate(tree.data)
    except ValidationError as error:
        raise UserError(_problems(error, model, tree)) from None
    _settle(made, "", None, None, tree)
    if hasattr(made, "uncertainty"):
        doubt.give(made, tree)  # type: ignore[arg-type]
    canonical = json.dumps(tree.data, sort_keys=True, ensure_ascii=False, default=str)
    made._tree = stated  # without the rule pack, which is laid under it anew when something else is stated
    made._path = shown(path)
    made._fingerprint = hashlib.sha256(canonical.encode()).hexdigest()
    made._text_of_files = tree.texts
    made._overrides = tuple(tree.sets)
    return made


def with_overrides(scenario: Model, values: Mapping[str, object]) -> Model:
    """The same scenario with other values at some paths, validated again. Text is read as on the command line.

    Raises UserError with every problem found.
    """
    tree = scenario._tree.copied()
    problems: list[Problem] = []
    for path, value in values.items():
        try:
            if isinstance(value, str):
                apply_set(tree, f"{path}={value}", type(scenario))
            else:
                plain = value.item() if hasattr(value, "item") else value  # type: ignore[attr-defined]  # a numpy number
                written = f"{path}={json.dumps(plain, default=str)}"
                set_value(tree, path, Computed(plain) if type(plain) is float else plain, written, type(scenario))
        except UserError as error:
            problems.extend(error.problems)
    if problems:
        raise UserError(problems)
    return _validated(type(scenario), tree, Path(scenario._path))


def find_quantity(scenario: Table, path: str) -> Quantity:
    """The quantity at a dotted path; UserError with the nearest path otherwise."""
    known = dict(iter_quantities(scenario))
    if path in known:
        return known[path]
    varied = [name for name, _ in iter_parameters(scenario)]
    node: Any = scenario
    for part in path.split("."):
        if isinstance(node, dict):
            node = node.get(part)
        elif isinstance(node, list):
            node = next((x for i, x in enumerate(node) if getattr(x, "id", str(i)) == part), None)
        else:
            node = getattr(node, part, None) if isinstance(node, BaseModel) else None
        if node is None:
            raise UserError(Problem("no such parameter", key=path, nearest=nearest(path, varied)))
    what = "a table" if isinstance(node, BaseModel | dict | list) else _short(node)
    raise UserError(Problem("is not a number that can be varied", key=path, found=what, nearest=nearest(path, varied)))


def provenance(scenario: Table) -> list[dict[str, Any]]:
    """A row for every parameter: path, value, unit, distribution, grade, source, and what the rule pack says where the
    scenario states another number (else None). Facts are no parameters."""
    from sim.scenario.packs import departures

    packed = {row["path"]: row["pack"] for row in departures(scenario)} if hasattr(scenario, "guidance") else {}
    return [
        {
            "path": path,
            "value": q.value,
            "unit": q.unit,
            "distribution": str(q.distribution or ""),
            "grade": q.grade,
            "source": q.source,
            "note": q.note,
            "pack": packed.get(path),
        }
        for path, q in iter_parameters(scenario)
    ]


def grade_shares(scenario: Table) -> dict[str, float]:
    """Share of the parameters by grade."""
    grades = [q.grade for _, q in iter_parameters(scenario)]
    return {g: grades.count(g) / max(1, len(grades)) for g in ("published", "estimated", "assumed")}
