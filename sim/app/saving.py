"""Lever settings -> a scenario file that `extends` the one they were tried on and says only what differs."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim import store
from sim.errors import RunError, UserError
from sim.quantities import LEAST_BARE, parse_money
from sim.terms import term

if TYPE_CHECKING:
    from sim.app.catalogue import Catalogue
    from sim.scenario.document import Scenario

NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,58}[a-z0-9])?")
RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?")  # no file can be called so on Windows
LONGEST_TITLE = 80
# only files with such a line are replaced
MARKS = {"en": "# Saved from the what-if page.", "zh": "# 在推演网页上保存。"}
_lock = threading.Lock()


@dataclass(frozen=True)
class Refused(Exception):
    """A message beside a field of the dialogue: a key of `words`. exists: the reader may ask to replace it."""

    field: str
    word: str
    fill: Mapping[str, str]
    exists: bool = False


def save(
    catalogue: Catalogue,
    scenario: Scenario,
    extends: Path,
    settings: Mapping[str, float],
    name: str,
    title: str,
    replace: bool,
    lang: str = "en",
) -> str:
    """Writes the file, loads it again, and returns its name in the catalogue. Raises Refused.

    lang: of the comment that says where the file was made."""
    name, title = name.strip(" "), " ".join(title.split())
    if not settings:
        raise Refused("name", "save.nothing", {})
    if not NAME.fullmatch(name) or ".." in name or RESERVED.fullmatch(name):
        raise Refused("name", "save.bad_name", {})
    if len(title) > LONGEST_TITLE or not title.isprintable():
        raise Refused("title", "save.bad_title", {})
    folder = place_for(catalogue, extends)
    target = folder / f"{name}.toml"
    with _lock:
        if target.is_symlink() or not folder.resolve().is_relative_to(catalogue.folder.resolve()):
            raise Refused("name", "save.bad_name", {})
        before = target.read_text(encoding="utf-8") if target.exists() else None
        if before is not None and not any(mark in before for mark in MARKS.values()):
            raise Refused("name", "save.not_ours", {"name": name})
        if before is not None and not replace:
            raise Refused("name", "save.exists", {"name": name}, exists=True)
        store.write_text(target, text_of(scenario, target, extends, settings, title, lang))
        try:
            _holds(target, settings)
        except (UserError, RunError):
            if before is None:
                target.unlink(missing_ok=True)
            else:
                store.write_text(target, before)
            raise
    return catalogue.name_of(target)


def place_for(catalogue: Catalogue, extends: Path) -> Path:
    """Variants of xian.toml stand in xian/, variants of one of these beside it; of a file from elsewhere likewise."""
    root = catalogue.folder.resolve()
    source = extends.resolve()
    if source.parent.is_relative_to(root) and source.parent != root:
        return catalogue.folder / source.parent.relative_to(root)
    return catalogue.folder / source.stem


def _holds(target: Path, settings: Mapping[str, float]) -> None:
    """The file that was written says what was set."""
    from sim.scenario import load_scenario
    from sim.scenario.loading import find_quantity

    saved = load_scenario(target)
    for path, value in settings.items():
        found = find_quantity(saved, path)
        if found.value != value or found.distribution is not None or found.doubt is not None:
            raise RunError(f"{target.name} would not say what was set: {path} is {found.value!r}, not {value!r}")


def text_of(
    scenario: Scenario, target: Path, extends: Path, settings: Mapping[str, float], title: str, lang: str = "en"
) -> str:
    """The TOML text. Every number says where it comes from: it was set on the page, and what it was before."""
    from sim.scenario.fields import iter_quantities

    known = dict(iter_quantities(scenario))
    parent = Path(os.path.relpath(extends.resolve(), target.resolve().parent)).as_posix()
    schema = _schema_of(extends, target)
    lines = [*schema, MARKS[lang], f"extends = {quoted(parent)}", ""]
    zone = title or f"{scenario.zone.name.zh} · {target.stem}"
    english = title or f"{scenario.zone.name.en}, {target.stem}"
    lines += ["[zone]", f"name = {{ zh = {quoted(zone)}, en = {quoted(english)} }}", ""]
    tables: dict[tuple[str, ...], list[str]] = {}
    for path, value in settings.items():
        quantity = known[path]
        was = written(quantity.value, quantity.unit)
        if quantity.distribution is not None:
            was = term("source.spread", "en").format(was=was)
        source = quoted(term("source.page", "en").format(was=was, file=extends.name))
        number = written(value, quantity.unit)
        entry = number if re.fullmatch(r"-?[0-9.]+(?:e[+-]?\d+)?", number) else quoted(number)
        header, key = _table_of(scenario, path)
        line = f'{_key(key)} = {{ value = {entry}, exact = true, grade = "assumed", source = {source} }}'
        tables.setdefault(header, []).append(line)
    for header, entries in tables.items():
        lines += [*header, *entries, ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _table_of(scenario: Scenario, path: str) -> tuple[tuple[str, ...], str]:
    """(lines that open the table, key) of a path; an item of a list is named by its id."""
    *above, key = path.split(".")
    node: Any = scenario
    names: list[str] = []
    opened: list[str] = []
    for part in above:
        if isinstance(node, list):
            opened += [f"[[{'.'.join(names)}]]", f"id = {quoted(part)}"]
            node = next(item for item in node if getattr(item, "id", None) == part)
            continue
        names.append(_key(part))
        node = node[part] if isinstance(node, dict) else getattr(node, part)
    if not opened:
        return (f"[{'.'.join(names)}]",), key
    rest = names[opened[0].strip("[]").count(".") + 1 :]
    return (*opened, *([f"[{'.'.join(names)}]"] if rest else [])), key


def _schema_of(extends: Path, target: Path) -> list[str]:
    """The line by which editors find the schema, where the parent has one."""
    from sim.scenario.reading import read_file

    first = read_file(extends)[1].partition("\n")[0]
    if not first.startswith("#:schema "):
        return []
    schema = (extends.resolve().parent / first.removeprefix("#:schema ").strip()).resolve()
    return [f"#:schema {Path(os.path.relpath(schema, target.resolve().parent)).as_posix()}"]


def written(value: float, unit: str) -> str:
    """A number as people write it, exactly: 50亿, 0.35, 12."""
    if unit == "CNY":
        exact = Decimal(repr(value))
        for size, name in ((Decimal(10**8), "亿"), (Decimal(10**4), "万")):
            part = exact / size
            text = f"{part.normalize():f}"
            if abs(part) >= 1 and len(text) <= 8 and parse_money(f"{text}{name}") == value:
                return f"{text}{name}"
        if 0 < abs(value) < LEAST_BARE:
            return f"{exact.normalize():f}元"
    return repr(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def quoted(text: str) -> str:
    """A basic TOML string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'


def _key(part: str) -> str:
    return part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else quoted(part)
