"""TOML files -> one tree, with `extends`, `--set`, and an index from key path to file and line."""

import difflib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli

from sim.errors import Problem, UserError
from sim.scenario.fields import DISTRIBUTIONS

VALUE_KEYS = {"value", *DISTRIBUTIONS}
Place = tuple[str, int]


@dataclass
class Tree:
    """A merged scenario tree. index: dotted path -> (file, line); texts: file -> its text; sets: the overrides."""

    data: dict[str, Any]
    index: dict[str, Place] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    sets: list[str] = field(default_factory=list)

    def place(self, path: str) -> tuple[str | None, int | None]:
        """File and line of a path, or of the nearest table above it."""
        while path:
            if path in self.index:
                return self.index[path]
            path = path.rpartition(".")[0]
        return (next(reversed(self.texts), None), None)


_KEY = re.compile(
    r'\s*((?:[A-Za-z0-9_-]+|"[^"\n]*"|\'[^\'\n]*\')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"\n]*"|\'[^\'\n]*\'))*)\s*='
)
_HEADER = re.compile(r"^\s*(\[\[?)\s*(.+?)\s*(\]\]?)\s*(?:#.*)?$")
_PART = re.compile(r'[A-Za-z0-9_-]+|"[^"]*"|\'[^\']*\'')


def _parts(text: str) -> list[str]:
    return [p.strip("\"'") for p in _PART.findall(text)]


def lines_of(text: str) -> dict[str, int]:
    """Dotted path -> line for every key of a (valid) TOML text. Items of arrays of tables are named by their number."""
    found: dict[str, int] = {}
    arrays: dict[str, int] = {}
    prefix: list[str] = []
    pos, line, n = 0, 1, len(text)
    stack: list[tuple[str, list[str], int]] = []  # (opener, path, item number)
    path: list[str] = []
    expect_key = True
    while pos < n:
        c = text[pos]
        if not stack and expect_key:
            end = text.find("\n", pos)
            end = n if end < 0 else end
            row = text[pos:end]
            if m := _HEADER.match(row):
                parts = _parts(m.group(2))
                resolved: list[str] = []
                for i, part in enumerate(parts):
                    resolved.append(part)
                    name = ".".join(resolved)
                    last = i == len(parts) - 1
                    if last and m.group(1) == "[[":
                        arrays[name] = arrays.get(name, -1) + 1
                    if name in arrays:
                        resolved.append(str(arrays[name]))
                prefix = resolved
                found.setdefault(".".join(prefix), line)
                pos = end
                continue
            if m := _KEY.match(row):
                path = prefix + _parts(m.group(1))
                for i in range(len(prefix) + 1, len(path) + 1):
                    found.setdefault(".".join(path[:i]), line)
                pos += m.end()
                expect_key = False
                continue
            if not row.strip() or row.lstrip().startswith("#"):
                pos = end
                if pos < n:
                    pos += 1
                    line += 1
                continue
        if c == "\n":
            line += 1
            if not stack:
                expect_key = True
        elif c == "#":
            while pos + 1 < n and text[pos + 1] != "\n":
                pos += 1
        elif c in "\"'":
            quote = text[pos : pos + 3] if text[pos : pos + 3] in ('"""', "'''") else c
            pos += len(quote)
            while pos < n and not text.startswith(quote, pos):
                if text[pos] == "\\" and quote[0] == '"':
                    pos += 1
                if pos < n and text[pos] == "\n":
                    line += 1
                pos += 1
            pos += len(quote) - 1
        elif c in "{[":
            stack.append((c, list(path), 0))
            if c == "[":
                path = [*path, "0"]
        elif c in "}]":
            if stack:
                _, path, _ = stack.pop()
        elif c == "," and stack:
            opener, base, number = stack[-1]
            stack[-1] = (opener, base, number + 1)
            path = [*base, str(number + 1)] if opener == "[" else list(base)
        elif stack and stack[-1][0] == "{" and (m := _KEY.match(text, pos)) and (c.isalnum() or c in "_-"):
            path = stack[-1][1] + _parts(m.group(1))
            found.setdefault(".".join(path), line)
            pos = m.end()
            continue
        pos += 1
    return found


def shown(path: Path) -> str:
    """A path as a person would type it: relative to here where that is shorter."""
    try:
        relative = os.path.relpath(path)
    except ValueError:
        return str(path)
    return relative if not relative.startswith("../..") else str(path)


def read_file(path: Path, asked_by: Problem | None = None) -> tuple[dict[str, Any], str]:
    """One TOML file as a tree and its text. `asked_by`: how to report a file that is missing because another names
    it."""
    name = shown(path)
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        if asked_by is not None:
            raise UserError(asked_by) from None
        near = difflib.get_close_matches(path.name, [p.name for p in path.parent.glob("*.toml")], 1)
        raise UserError(Problem("no such file", file=name, nearest=near[0] if near else None)) from None
    except IsADirectoryError:
        raise UserError(Problem("is a folder, not a scenario file", file=name)) from None
    except OSError as error:
        raise UserError(Problem(f"cannot be read: {error.strerror}", file=name)) from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise UserError(
            Problem("is not UTF-8 text", file=name, line=line, expected="a TOML file saved as UTF-8")
        ) from None
    try:
        return tomli.loads(text), text
    except tomli.TOMLDecodeError as error:
        line = getattr(error, "lineno", None)
        message = getattr(error, "msg", str(error))
        raise UserError(Problem(f"is not valid TOML: {message}", file=name, line=line)) from None
    except RecursionError:
        raise UserError(Problem("is nested too deeply", file=name)) from None


def _is_items(x: object) -> bool:
    return isinstance(x, list) and bool(x) and all(isinstance(i, dict) and "id" in i for i in x)


def _key_of(item: Any, i: int) -> str:
    return str(item["id"]) if isinstance(item, dict) and isinstance(item.get("id"), str) else str(i)


def merge(base: Any, top: Any) -> Any:
    """`top` over `base`: tables by key, arrays of tables with an id by id (`remove = true` drops one), the rest
    replaced.
    A table that states a value or a distribution replaces the other's value and distribution together."""
    if isinstance(base, dict) and isinstance(top, dict):
        out = dict(base)
        if VALUE_KEYS & set(top):
            out = {k: v for k, v in out.items() if k not in VALUE_KEYS}
            out.pop("source", None)
            out.pop("grade", None)
        for key, value in top.items():
            out[key] = merge(out[key], value) if key in out else value
        return out
    if _is_items(base) and isinstance(top, list) and (not top or _is_items(top)):
        by_id = {item["id"]: item for item in base}
        for item in top:
            if item.get("remove") is True:
                by_id.pop(item["id"], None)
                continue
            by_id[item["id"]] = merge(by_id[item["id"]], item) if item["id"] in by_id else item
        return list(by_id.values())
    if isinstance(top, dict) and top and set(top) <= {"source", "grade", "note"} and not isinstance(base, dict | list):
        return {"value": base, **top}
    return top


def _collect(data: Any, numbered: str, named: str, lines: dict[str, int], file: str, index: dict[str, Place]) -> None:
    """Index entries under names (ids instead of numbers)."""
    if numbered in lines:
        index[named] = (file, lines[numbered])
    if isinstance(data, dict):
        for key, value in data.items():
            a = f"{numbered}.{key}" if numbered else key
            b = f"{named}.{key}" if named else key
            _collect(value, a, b, lines, file, index)
    elif isinstance(data, list):
        for i, value in enumerate(data):
            _collect(value, f"{numbered}.{i}", f"{named}.{_key_of(value, i)}", lines, file, index)


def _duplicates(data: Any, path: str, file: str, index: dict[str, Place], problems: list[Problem]) -> None:
    if isinstance(data, dict):
        for key, value in data.items():
            _duplicates(value, f"{path}.{key}" if path else key, file, index, problems)
    elif _is_items(data):
        seen: set[str] = set()
        for item in data:
            if item["id"] in seen:
                where = index.get(f"{path}.{item['id']}.id", (file, None))
                problems.append(
                    Problem("two items have the same id", file=where[0], line=where[1], key=path, found=str(item["id"]))
                )
            seen.add(item["id"])
            _duplicates(item, f"{path}.{item['id']}", file, index, problems)


def read_tree(path: str | Path, seen: tuple[Path, ...] = ()) -> Tree:
    """A file with all that it extends, merged."""
    path = Path(path)
    full = path.resolve()
    data, text = read_file(path)
    file = shown(path)
    lines = lines_of(text)
    parents = data.pop("extends", [])
    at = lines.get("extends")
    if isinstance(parents, str):
        parents = [parents]
    if not isinstance(parents, list) or not all(isinstance(p, str) for p in parents):
        raise UserError(Problem("extends takes a file name", file=file, line=at, key="extends", found=repr(parents)))
    tree = Tree({})
    for parent in parents:
        target = path.parent / parent
        missing = Problem("the file it extends does not exist", file=file, line=at, key="extends", found=parent)
        if not target.exists():
            near = difflib.get_close_matches(parent, [p.name for p in path.parent.glob("*.toml")], 1)
            missing = Problem(missing.message, file, at, "extends", parent, None, near[0] if near else None)
            raise UserError(missing)
        if target.resolve() in (*seen, full):
            raise UserError(
                Problem("files extend each other in a circle", file=file, line=at, key="extends", found=parent)
            )
        below = read_tree(target, (*seen, full))
        tree.data = merge(tree.data, below.data)
        tree.index.update(below.index)
        tree.texts.update(below.texts)
    problems: list[Problem] = []
    index: dict[str, Place] = {}
    _collect(data, "", "", lines, file, index)
    _duplicates(data, "", file, index, problems)
    if problems:
        raise UserError(problems)
    tree.data = merge(tree.data, data)
    tree.index.update(index)
    tree.texts[file] = text
    return tree


def all_paths(data: Any, path: str = "") -> Iterable[str]:
    """Every settable path of a tree, ids instead of numbers."""
    if path:
        yield path
    if isinstance(data, dict):
        if VALUE_KEYS & set(data):
            return
        for key, value in data.items():
            yield from all_paths(value, f"{path}.{key}" if path else key)
    elif isinstance(data, list):
        for i, value in enumerate(data):
            yield from all_paths(value, f"{path}.{_key_of(value, i)}")


def nearest(path: str, known: Iterable[str]) -> str | None:
    """The known path most like `path`: the one that shares most of its words, then by spelling."""
    words = path.split(".")
    alike = difflib.get_close_matches
    best: tuple[float, float, str] | None = None
    for candidate in known:
        theirs = candidate.split(".")
        shared = sum(1.0 if w in theirs else 0.8 if alike(w, theirs, 1, 0.8) else 0.0 for w in words)
        score = (shared / len(words), difflib.SequenceMatcher(None, path, candidate).ratio(), candidate)
        if best is None or score > best:
            best = score
    return best[2] if best is not None and (best[0] >= 0.3 or best[1] >= 0.5) else None


def apply_set(tree: Tree, assignment: str) -> None:
    """One --set PATH=VALUE. A quantity's value and distribution are replaced together; its source is the command
    line."""
    path, equals, text = assignment.partition("=")
    path = path.strip()
    if not equals or not path:
        raise UserError(Problem("--set takes PATH=VALUE", key="--set", found=assignment))
    try:
        value = tomli.loads(f"x = {text.strip()}")["x"]
    except tomli.TOMLDecodeError:
        value = text.strip()
    node: Any = tree.data
    parts = path.split(".")
    optional = len(parts) > 1  # a missing last key may be a field the file left out: the model decides
    for i, part in enumerate(parts):
        last = i == len(parts) - 1
        key: Any = part
        if isinstance(node, list):
            numbers = {_key_of(item, j): j for j, item in enumerate(node)}
            key = numbers.get(part)
        holder: Any = node
        missing = key is None or not isinstance(node, dict | list) or (isinstance(node, dict) and key not in node)
        if missing and not (last and optional and isinstance(node, dict)):
            raise UserError(
                Problem("no such parameter", key="--set", found=path, nearest=nearest(path, all_paths(tree.data)))
            )
        if last:
            if not isinstance(value, dict | list) and _is_number_like(node, key):
                value = {"value": value, "source": "command line", "grade": "assumed"}
            holder[key] = value
        else:
            node = holder[key]
    tree.sets.append(assignment)
    tree.index[path] = (f"--set {assignment}", 0)


def _is_number_like(node: Any, key: Any) -> bool:
    """Whether what stands there is a quantity (a number, text with a unit, or a table with a value)."""
    try:
        old = node[key]
    except (KeyError, IndexError, TypeError):
        return False
    if isinstance(old, bool):
        return False
    if isinstance(old, dict):
        return bool(VALUE_KEYS & set(old))
    return False
