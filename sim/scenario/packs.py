"""Rule packs: dated files of rules (scenarios/rules/*.toml) under a scenario's own [guidance].

`[guidance] pack = "shaanxi-2020"` lays the pack's numbers under what the scenario and the files it extends state: a
number stated there takes the pack's place, and `departures` tells which do. A pack is a file with a [pack] header
(name, valid_from, valid_to) and a [guidance] table, and may itself extend another. It is looked for in a folder `rules`
beside the files of the scenario or above them, then in the project's own scenarios/rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from sim.errors import Problem, UserError
from sim.scenario.fields import Quantity, is_quantity, iter_quantities
from sim.scenario.reading import Tree, anew, below, merge, read_tree

if TYPE_CHECKING:
    from pydantic import TypeAdapter

OWN = Path(__file__).resolve().parents[2] / "scenarios" / "rules"
ROOM = "guidance"
BASE, STAND_IN, NATIONAL = "national.toml", "usual", "national-2025"  # what a zone that names no pack has, and the rule


def folders_of(tree: Tree) -> list[Path]:
    """Where packs may lie, nearest first."""
    out: list[Path] = []
    for name in reversed(tree.texts):
        above = Path(name).resolve().parent
        out += [above / "rules", above.parent / "rules"]
    return list(dict.fromkeys([*out, OWN]))


def find_pack(name: str, tree: Tree) -> Path:
    """The file of a pack; UserError with those there are otherwise."""
    folders = folders_of(tree)
    for folder in folders:
        if (folder / f"{name}.toml").is_file():
            return folder / f"{name}.toml"
    known = sorted({path.stem for folder in folders if folder.is_dir() for path in folder.glob("*.toml")})
    near = get_close_matches(name, known, 1, 0.6)
    key = f"{ROOM}.pack"
    raise UserError(
        Problem("no such rule pack", *tree.place(key), key, name, ", ".join(known), near[0] if near else None)
    )


def _grounded(model: Any, data: Any, source: str | None, grade: str | None) -> Any:
    """The pack's numbers with their own source and grade, so that a scenario's table does not lend them its own."""
    if model is Quantity:
        said = {key: value for key, value in (("source", source), ("grade", grade)) if value is not None}
        return said | (data if is_quantity(data) else {"value": data})
    if isinstance(data, dict):
        source, grade = data.get("source", source), data.get("grade", grade)
        kept = data if not isinstance(model, type) else {k: v for k, v in data.items() if k not in ("source", "grade")}
        return {key: _grounded(below(model, key), value, source, grade) for key, value in kept.items()}
    if isinstance(data, list):
        return [_grounded(below(model, i), value, source, grade) for i, value in enumerate(data)]
    return data


def read_pack(name: str, tree: Tree, model: type[BaseModel]) -> Tree:
    """A pack as a tree whose only table is [guidance], with its header as guidance.rules. model: of [guidance].

    Kept with the tree, which may be sent where its files are not."""
    if name in tree.packs:
        return tree.packs[name]
    path = find_pack(name, tree)
    pack = read_tree(path)
    problems = [
        Problem("a rule pack holds [pack] and [guidance] only", *pack.place(key), key)
        for key in pack.data
        if key not in ("pack", ROOM)
    ]
    file = next(reversed(pack.texts), None)
    for key in ("pack", ROOM):
        if not isinstance(pack.data.get(key), dict):
            problems.append(Problem("a rule pack needs this table", file, pack.place(key)[1], key))
    if problems:
        raise UserError(problems)
    header, rules = pack.data["pack"], pack.data[ROOM]
    data = _grounded(model, rules, header.get("source"), header.get("grade"))
    data["rules"] = header
    index = {f"{ROOM}.rules{key[4:]}" if key.split(".")[0] == "pack" else key: at for key, at in pack.index.items()}
    tree.packs[name] = Tree({ROOM: data}, index, pack.texts)
    return tree.packs[name]


def with_pack(tree: Tree, root: type[BaseModel]) -> Tree:
    """The tree with the pack that it names laid under it; the tree itself where it names none. Nothing is changed."""
    stated = tree.data.get(ROOM)
    name = stated.get("pack") if isinstance(stated, dict) else None
    model = below(root, ROOM)
    if not isinstance(name, str) or model is None:
        return tree
    pack = read_pack(name, tree, model)
    data = dict(tree.data)
    data[ROOM] = merge(pack.data[ROOM], anew(stated))
    return Tree(data, {**pack.index, **tree.index}, {**pack.texts, **tree.texts}, tree.sets)


@cache
def _reader(model: type[BaseModel], key: str) -> TypeAdapter[Any]:
    """Of one key of [guidance] alone; made once, for making it takes longer than reading with it."""
    from pydantic import TypeAdapter

    return TypeAdapter(model.model_fields[key].rebuild_annotation())


def pack_numbers(tree: Tree, root: type[BaseModel]) -> dict[str, Quantity]:
    """What the pack alone says, by path; empty where none is named."""
    from pydantic import ValidationError

    stated = tree.data.get(ROOM)
    name = stated.get("pack") if isinstance(stated, dict) else None
    model = below(root, ROOM)
    if not isinstance(name, str) or model is None:
        return {}
    out: dict[str, Quantity] = {}
    for key, value in read_pack(name, tree, model).data[ROOM].items():
        if key not in model.model_fields:
            continue
        try:
            made = _reader(model, key).validate_python(value)
        except ValidationError:
            continue  # told when the whole scenario is validated
        out.update(iter_quantities(made, f"{ROOM}.{key}"))
    return out


def _is_shipped_base(text: str | None) -> bool:
    """Whether a text is that of national.toml as it is shipped; another file of that name has chosen its pack."""
    shipped = OWN.parent / BASE
    return text is not None and shipped.is_file() and text == shipped.read_text(encoding="utf-8")


def under_national_rules(scenario: Any) -> dict[str, Any] | None:
    """Classes of sub-funds that open within the run when the national rules of 2025 hold, in a scenario that has the
    stand-in of the shipped national.toml because neither it nor another file that it extends names a pack; None where
    there is none.

    from, until: quarters in which they open under those rules; first: when the first class of all opens, where that is
    before the rules begin."""
    from sim.quantities import parse_quarter, quarter_name

    tree = scenario._tree
    file, _ = tree.place(f"{ROOM}.pack")
    if scenario.guidance.pack != STAND_IN or file is None or not _is_shipped_base(tree.texts.get(file)):
        return None  # named on purpose
    rules = read_pack(NATIONAL, tree, type(scenario.guidance)).data[ROOM]["rules"]
    begins = parse_quarter(rules["valid_from"])
    money = {c.id for c in scenario.funds if c.size is not None and c.size.value > 0.0}
    opens = {
        c.id: (int(c.opens), int(c.opens if c.opens_until is None else c.opens_until - 1))
        for c in scenario.funds
        if c.kind == "sub-fund" and c.committed is None and c.opens is not None
        if c.parent in money and c.count.value > 0
    }
    end = int(scenario.zone.end)
    opens = {id: (first, min(last, end)) for id, (first, last) in opens.items() if first <= end}
    under = {id: (max(begins, first), last) for id, (first, last) in opens.items() if last >= begins}
    if not under:
        return None
    return {
        "pack": NATIONAL,
        "name": rules["name"],
        "classes": list(under),
        "from": quarter_name(min(first for first, _ in under.values())),
        "until": quarter_name(max(last for _, last in under.values())),
        "first": quarter_name(first) if (first := min(first for first, _ in opens.values())) < begins else None,
    }


def departures(scenario: Any) -> list[dict[str, Any]]:
    """Where a scenario differs from its pack: a row a number, with both values; then terms beyond the pack's limits.

    what: "stated" (a number of the scenario in the place of the pack's) or "limit" (a fund's terms beyond one)."""
    here = dict(iter_quantities(scenario.guidance, ROOM))
    out = []
    for path, pack in pack_numbers(scenario._tree, type(scenario)).items():
        own = here.get(path)
        if own is not None and (own.value != pack.value or own.distribution != pack.distribution):
            row = {"what": "stated", "path": path, "pack": pack.value, "here": own.value, "unit": own.unit}
            out.append(row | {"source": own.source, "pack_source": pack.source})
    return out + list(beyond_limits(scenario))


def beyond_limits(scenario: Any) -> Iterator[dict[str, Any]]:
    """Fund terms that the pack's limits do not allow."""
    from sim.model.funds.parameters import of_class

    g = scenario.guidance
    limits = g.limits

    def row(path: str, limit: Any, here: Any, unit: str) -> dict[str, Any]:
        source = getattr(limit, "source", "")
        value = limit.value if isinstance(limit, Quantity) else limit
        return {
            "what": "limit",
            "path": path,
            "pack": value,
            "here": here,
            "unit": unit,
            "source": "",
            "pack_source": source,
        }

    classes = {c.id: c for c in scenario.funds}
    early = 0.0
    for c in scenario.funds:
        path = f"funds.{c.id}"
        if c.kind == "guidance":
            if limits.parent_fee is not None and c.fee.value > limits.parent_fee.value:
                yield row(f"{path}.fee", limits.parent_fee, c.fee.value, "per year")
            if limits.parent_life is not None and c.life.value > limits.parent_life.value:
                yield row(f"{path}.life", limits.parent_life, c.life.value, "years")
        if c.kind != "sub-fund":
            continue
        if (c.mandate or c.id) in ("angel", "venture") and c.plan is not None:
            early += c.plan.value
        most = of_class(limits.fee_of, c) or limits.fee
        if most is not None and c.fee.value > most.value:
            yield row(f"{path}.fee", most, c.fee.value, "per year")
        if limits.fee_after is not None and c.fee_after.value > limits.fee_after.value * c.fee.value:
            yield row(f"{path}.fee_after", limits.fee_after, c.fee_after.value, "per year")
        if limits.fee_base is not None and c.fee_base != limits.fee_base:
            yield row(f"{path}.fee_base", limits.fee_base, c.fee_base, "")
        if limits.fund_life is not None and c.life.value > limits.fund_life.value:
            yield row(f"{path}.life", limits.fund_life, c.life.value, "years")
        if limits.of_project is not None:
            own = c.concentration if c.concentration is not None else scenario.rounds.concentration
            if own.value > limits.of_project.value:
                yield row(own.path or f"{path}.concentration", limits.of_project, own.value, "share")
        layers, at = 1, c
        while at.parent in classes:
            layers, at = layers + 1, classes[at.parent]
        if limits.layers is not None and layers > limits.layers.value:
            yield row(f"{path}.parent", limits.layers, layers, "count")
    if limits.of_firm is not None and scenario.rounds.firm_share.value > limits.of_firm.value:
        yield row("rounds.firm_share", limits.of_firm, scenario.rounds.firm_share.value, "share")
    subs = [c for c in scenario.funds if c.kind == "sub-fund" and c.plan is not None]
    if limits.early is not None and subs and early < limits.early.value * sum(c.plan.value for c in subs):
        yield row("funds.angel.plan", limits.early, early, "share")
