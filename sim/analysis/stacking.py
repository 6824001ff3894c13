"""Several changes of one scenario, made together in any combination.

A change is whatever a variant states that its baseline does not: each is read off two merged trees, so a variant may be
a file that extends the baseline, or the baseline with some `PATH=VALUE`. Changes stack where no two of them set the
same thing to different values; labels (`zone.name`) and notes are nobody's change.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.analysis.model import parameter_label, refuse
from sim.errors import Problem, UserError
from sim.scenario.fields import is_quantity
from sim.scenario.reading import COMMAND_LINE, Tree

if TYPE_CHECKING:
    from sim.scenario.document import Scenario

Keys = tuple[str, ...]
REMOVED = object()
LABELS = (("zone", "name"), ("source",), ("grade",), ("note",))


def changed(scenario: Scenario, text: str) -> tuple[str, Scenario]:
    """(name, variant) of `PATH=VALUE`, `PATH=VALUE; PATH=VALUE` or `NAME: PATH=VALUE; …` made on a scenario."""
    from sim.scenario.loading import with_overrides

    head, colon, rest = text.partition(":")
    name, settings = (head.strip(), rest) if colon and "=" not in head else (text.strip(), text)
    values: dict[str, object] = {}
    problems = []
    for part in (part.strip() for part in settings.split(";")):
        path, equals, value = (piece.strip() for piece in part.partition("="))
        if not (path and equals and value):
            problems.append(
                Problem(
                    "not a change", key="--change", found=part or text, expected="[NAME: ]PATH=VALUE[; PATH=VALUE …]"
                )
            )
        elif path in values:
            problems.append(Problem("set twice in one change", key=path, found=text))
        values[path] = value
    if problems:
        raise UserError(problems)
    try:
        return name, with_overrides(scenario, values)
    except (
        UserError
    ) as error:  # the loader says what was set as on the command line, which has another word for it here
        at = f"--change {text}"
        raise UserError(
            [replace(p, file=at) if (p.file or "").startswith(COMMAND_LINE) else p for p in error.problems]
        ) from None


def differences(base: Any, other: Any, above: Keys = (), items: bool = False) -> dict[Keys, Any]:
    """Path -> value in `other` (or REMOVED) of everything that is not as in `base`; items of arrays by their id, new
    ones whole, new tables by their leaves."""
    if isinstance(base, dict) and isinstance(other, dict) and not (is_quantity(base) or is_quantity(other)):
        found: dict[Keys, Any] = {}
        for key in [*base, *(key for key in other if key not in base)]:
            if key not in other:
                found[(*above, key)] = REMOVED
            elif key not in base:
                found |= {(*above, key): other[key]} if items else _leaves(other[key], (*above, key))
            else:
                found |= differences(base[key], other[key], (*above, key))
        return found
    if _by_id(base) is not None and _by_id(other) is not None:
        return differences(_by_id(base), _by_id(other), above, items=True)
    return {} if base == other else {above: other}


def _leaves(value: Any, above: Keys) -> dict[Keys, Any]:
    """Path -> value of everything in a table; of what is none, itself."""
    if not isinstance(value, dict) or not value or is_quantity(value):
        return {above: value}
    return {path: leaf for key, below in value.items() for path, leaf in _leaves(below, (*above, key)).items()}


def stack(base: Scenario, variants: dict[str, Scenario], chosen: Sequence[str]) -> Scenario:
    """`base` with the changes of the chosen variants made. Raises UserError where the whole is no valid scenario."""
    from sim.scenario.document import Scenario
    from sim.scenario.loading import _validated

    origin: Tree = base._tree
    tree = Tree(copy.deepcopy(origin.data), dict(origin.index), dict(origin.texts), list(origin.sets))
    for name in chosen:
        own: Tree = variants[name]._tree
        for path, value in differences(origin.data, own.data).items():
            _put(tree.data, path, copy.deepcopy(value) if value is not REMOVED else REMOVED)
            at = ".".join(path)
            tree.index |= {key: place for key, place in own.index.items() if key == at or key.startswith(f"{at}.")}
        tree.texts |= own.texts
        tree.sets += [written for written in own.sets if written not in tree.sets]
    return _validated(Scenario, tree, Path(base._path))


def refuse_conflicts(base: Scenario, variants: dict[str, Scenario]) -> None:
    """Two changes that set the same thing to different values cannot both be made, however the values are written; a
    variant that changes nothing is no change."""
    from sim.scenario.fields import iter_quantities

    numbers = {name: dict(iter_quantities(s)) for name, s in variants.items()}

    def same(one: str, two: str, path: Keys, v: Any, w: Any) -> bool:
        a, b = (numbers[name].get(".".join(path)) for name in (one, two))
        if v is REMOVED or w is REMOVED:
            return v is w
        if a is None or b is None:
            return v == w
        return (a.value, a.distribution) == (b.value, b.distribution)

    made = {
        name: {p: v for p, v in differences(base._tree.data, s._tree.data).items() if not _is_label(p)}
        for name, s in variants.items()
    }
    problems = [
        Problem("changes nothing of the baseline, so there is no effect to take apart", key=name)
        for name, changes in made.items()
        if not changes
    ]
    for one, two in combinations(made, 2):
        for p, v in made[one].items():
            for q, w in made[two].items():
                shared = min(len(p), len(q))
                if p[:shared] == q[:shared] and (p != q or not same(one, two, p, v, w)):
                    problems.append(
                        Problem(
                            "two of the changes set this, so they do not stack",
                            key=".".join(max(p, q, key=len)),
                            found=f"{one}: {_told(v)}, {two}: {_told(w)}",
                            expected="changes of different things",
                        )
                    )
    if problems:
        raise UserError(problems)


def changes_in_words(base: Scenario, other: Scenario) -> list[dict[str, Any]]:
    """Everything but names that `other` states otherwise than `base`: its path, what it means, as written, and of a
    number its value in base units with the unit."""
    from sim.scenario.fields import iter_quantities

    numbers = dict(iter_quantities(other))
    rows = []
    for keys, value in differences(base._tree.data, other._tree.data).items():
        if _is_label(keys):
            continue
        path = ".".join(str(key) for key in keys)
        label = {lang: parameter_label(other, path, lang) for lang in ("zh", "en")}
        row: dict[str, Any] = {"path": path, "label": label, "written": _told(value)}
        if path in numbers and numbers[path].distribution is None:
            row |= {"value": float(numbers[path].value), "unit": numbers[path].unit}
        rows.append(row)
    return rows


def refuse_too_many(changes: Sequence[str], most: int) -> None:
    if not 1 <= len(changes) <= most:
        raise refuse(
            "this number of changes cannot be taken apart", key="--decompose", found=str(len(changes)),
            expected=f"1 to {most} changes, which is up to {2**most} combinations",
        )  # fmt: skip


def _is_label(path: Keys) -> bool:
    return path[:2] in LABELS or path[-1:] in LABELS


def _told(value: Any) -> str:
    if value is REMOVED:
        return "removed"
    if isinstance(value, dict) and "id" in value:
        return "added"
    text = _as_in_a_file(value.get("value", value) if isinstance(value, dict) else value)
    return text if len(text) <= 40 else text[:37] + "..."


def _as_in_a_file(value: Any) -> str:
    """A value as a scenario file writes it, texts without their quotes."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_as_in_a_file(below)}" for key, below in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_as_in_a_file(item) for item in value) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _by_id(items: Any) -> dict[str, Any] | None:
    """The items of an array by their id, or None where it is no array of tables with ids."""
    if isinstance(items, list) and items and all(isinstance(i, dict) and isinstance(i.get("id"), str) for i in items):
        return {item["id"]: item for item in items}
    return None


def _put(node: Any, path: Keys, value: Any) -> None:
    step, rest = path[0], path[1:]
    if isinstance(node, list):
        place = next((i for i, item in enumerate(node) if item["id"] == step), None)
        if not rest:
            if place is not None:
                del node[place]
            if value is not REMOVED:
                node.insert(len(node) if place is None else place, value)
        elif place is not None:
            _put(node[place], rest, value)
    elif rest:
        _put(node.setdefault(step, {}), rest, value)
    elif value is REMOVED:
        node.pop(step, None)
    else:
        node[step] = value
