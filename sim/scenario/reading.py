"""TOML files -> one tree, with `extends`, `--set`, and an index from key path to file and line."""

import difflib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import tomli
from pydantic import BaseModel

from sim.errors import Problem, UserError
from sim.scenario.fields import is_quantity

COMMAND_LINE = "--set "  # what stands in the index instead of a file
Place = tuple[str, int]


@dataclass
class Tree:
    """A merged scenario tree. index: dotted path -> (file, line); texts: file -> its text; sets: the overrides; packs:
    rule packs that were read for it, by name."""

    data: dict[str, Any]
    index: dict[str, Place] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    sets: list[str] = field(default_factory=list)
    packs: dict[str, Any] = field(default_factory=dict)

    def place(self, path: str) -> tuple[str | None, int | None]:
        """File and line of a path, or of the nearest table above it."""
        while path:
            if path in self.index:
                file, line = self.index[path]
                return file, line or None
            path = path.rpartition(".")[0]
        return (next(reversed(self.texts), None), None)

    def copied(self) -> "Tree":
        """A tree of its own to set values in. Texts, places and packs are shared: nobody changes one."""
        return Tree(anew(self.data), dict(self.index), dict(self.texts), list(self.sets), dict(self.packs))

    def is_set(self, path: str) -> bool:
        """Whether the value at a path comes from the command line."""
        return str(self.place(path)[0]).startswith(COMMAND_LINE)


def anew(data: Any) -> Any:
    """Tables and lists of a tree anew, with the same numbers and texts in them; many times as fast as copy.deepcopy."""
    if isinstance(data, dict):
        return {key: anew(value) for key, value in data.items()}
    if isinstance(data, list):
        return [anew(value) for value in data]
    return data


class _Lines:
    """Finds the line of every key of a text that is known to be valid TOML. Items of arrays are named by number."""

    _BLANK = re.compile(r"(?:\s|#[^\n]*)*")
    _SPACE = re.compile(r"[ \t]*")
    _KEY = re.compile(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'|[^\s.=\]"\'#]+')
    _BARE = re.compile(r"[^\n,\]}#]*")
    _SHORT = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|\'[^\']*\'')  # a string within a line

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.line, self.counted = 1, 0
        self.found: dict[str, int] = {}
        self.items: dict[str, int] = {}  # array of tables -> number of its latest item
        self.again: tuple[str, int, int] | None = None  # the latest key that stood before: its lines

    def _skip(self, blank: re.Pattern[str]) -> None:
        match = blank.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def _note(self, path: str, last: bool = False) -> None:
        self.line += self.text.count("\n", self.counted, self.at)
        self.counted = self.at
        if last and path in self.found:
            self.again = (path, self.found[path], self.line)
        self.found.setdefault(path, self.line)

    def _key(self) -> list[str]:
        parts: list[str] = []
        while match := self._KEY.match(self.text, self.at):
            part = match.group()
            parts.append(tomli.loads(f"x = {part}")["x"] if part[0] in "\"'" else part)
            self.at = match.end()
            self._skip(self._SPACE)
            if not self.text.startswith(".", self.at):
                break
            self.at += 1
            self._skip(self._SPACE)
        return parts

    def _pair(self, above: str) -> None:
        begin = self.at
        parts = self._key()
        end, self.at = self.at, begin
        path = above
        for i, part in enumerate(parts):
            path = _join(path, part)
            self._note(path, i == len(parts) - 1)
        self.at = end + 1  # the equals sign
        self._skip(self._SPACE)
        self._value(path)

    def _value(self, path: str) -> None:
        opener = self.text[self.at : self.at + 1]
        if opener in ('"', "'"):
            self._string()
        elif opener == "[":
            self._items(path)
        elif opener == "{":
            self._inline(path)
        else:
            self._skip(self._BARE)

    def _string(self) -> None:
        quote = self.text[self.at]
        end = quote * 3
        if not self.text.startswith(end, self.at):
            short = self._SHORT.match(self.text, self.at)
            if short is None:
                raise IndexError("the text ends within a string")
            self.at = short.end()
            return
        self.at += len(end)
        while not self.text.startswith(end, self.at):
            self.at += 2 if self.text[self.at] == "\\" and quote == '"' else 1
        self.at += len(end)
        for _ in range(2):  # a long string may end with one or two quotes of its own
            self.at += self.text.startswith(quote, self.at)

    def _items(self, path: str) -> None:
        self.at += 1
        number = 0
        while True:
            self._skip(self._BLANK)
            if self.text[self.at] == "]":
                self.at += 1
                return
            if self.text[self.at] == ",":
                self.at += 1
                number += 1
                continue
            self._note(f"{path}.{number}")
            self._value(f"{path}.{number}")

    def _inline(self, path: str) -> None:
        self.at += 1
        while True:
            self._skip(self._BLANK)
            if self.text[self.at] == "}":
                self.at += 1
                return
            if self.text[self.at] == ",":
                self.at += 1
                continue
            self._pair(path)

    def _header(self) -> str:
        double = self.text.startswith("[[", self.at)
        begin = self.at
        self.at += 2 if double else 1
        self._skip(self._SPACE)
        parts = self._key()
        end, self.at = self.at, begin
        path = ""
        for i, part in enumerate(parts):
            path = _join(path, part)
            self._note(path, not double and i == len(parts) - 1)
            if double and i == len(parts) - 1:
                self.items[path] = self.items.get(path, -1) + 1
            if path in self.items:
                path = f"{path}.{self.items[path]}"
                self._note(path)
        self.at = end + (2 if double else 1)
        return path

    def all(self) -> dict[str, int]:
        above = ""
        self._skip(self._BLANK)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                above = self._header()
            else:
                self._pair(above)
            self._skip(self._BLANK)
        return self.found


def lines_of(text: str) -> Mapping[str, int]:
    """Dotted path -> line for every key of a (valid) TOML text. Items of arrays are named by their number.

    Kept by text: what many scenarios extend is read with each of them, which was a fourth of the time of loading.
    """
    return _lines_kept(text) if len(text) < 1 << 18 else _Lines(text).all()


@lru_cache(maxsize=64)
def _lines_kept(text: str) -> Mapping[str, int]:
    return MappingProxyType(_Lines(text).all())


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def shown(path: Path) -> str:
    """A path as a person would type it: relative to here where that is shorter."""
    try:
        relative = os.path.relpath(path)
    except ValueError:
        return str(path)
    return relative if not relative.startswith("../..") else str(path)


LARGEST = 64 << 20  # bytes of a file; a fund's thousands of firms take one or two million


def read_file(path: Path) -> tuple[dict[str, Any], str]:
    """One TOML file as a tree and its text."""
    name = shown(path)
    try:
        with open(path, "rb") as file:  # a device never ends
            raw = file.read(LARGEST + 1)
    except FileNotFoundError:
        near = _near_file(path)
        raise UserError(Problem("no such file", file=name, nearest=near)) from None
    except IsADirectoryError:
        raise UserError(Problem("is a folder, not a scenario file", file=name)) from None
    except OSError as error:
        raise UserError(Problem(f"cannot be read: {error.strerror}", file=name)) from None
    except ValueError:
        raise UserError(Problem("no such file", file=repr(name))) from None  # a NUL in its name
    if len(raw) > LARGEST:
        raise UserError(Problem("is too large for a TOML file", file=name, expected=f"at most {LARGEST >> 20} MiB"))
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
        again = _stated_twice(text, error)
        if again is not None:
            key, count, line = again
            raise UserError(
                Problem(f"is stated twice: on line {count} already", file=name, line=line, key=key)
            ) from None
        if path.name == "manifest.json":
            raise _record_of_a_result(text, name) from None
        message = getattr(error, "msg", str(error))
        raise UserError(Problem(f"is not valid TOML: {message}", file=name, line=line)) from None
    except RecursionError:
        raise UserError(Problem("is nested too deeply", file=name)) from None
    except ValueError as error:  # a whole number of thousands of digits
        raise UserError(Problem(f"is not valid TOML: {error}", file=name)) from None


def _record_of_a_result(text: str, name: str) -> UserError:
    """A manifest that was given for a scenario: how to make its result again."""
    from sim.scenario.recorded import command_of

    try:
        about = json.loads(text)
    except (ValueError, RecursionError):
        about = None
    if not isinstance(about, dict):
        about = {}
    command = command_of(about)
    message = "is the record of a result and no scenario file"
    if command:
        message = f"is the record of a result and no scenario file; that result is made again by: {command}"
    expected = "a scenario file"
    if isinstance(about.get("scenario_text"), dict) and about["scenario_text"]:
        expected = "a scenario file; the record keeps the texts of those it was made from, under scenario_text"
    return UserError(Problem(message, file=name, expected=expected))


def _stated_twice(text: str, error: tomli.TOMLDecodeError) -> tuple[str, int, int] | None:
    """(key, line of the first, line of the second) where that is what TOML refuses."""
    if not str(error).startswith(("Cannot overwrite", "Cannot declare", "Duplicate inline")):
        return None
    lines = _Lines(text[: error.pos])
    with suppress(IndexError):  # the text ends within a table in one line
        lines.all()
    return lines.again


def _near_file(path: Path) -> str | None:
    try:
        stems = {p.stem: p.name for p in path.parent.glob("*.toml")}  # ".toml" alone makes any two names alike
    except OSError:
        return None
    close = difflib.get_close_matches(path.stem, stems, 1)
    return stems[close[0]] if close else None


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _has_id(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("id"), str)


def _is_items(x: object) -> bool:
    return isinstance(x, list) and bool(x) and all(_has_id(i) for i in x)


def _key_of(item: Any, i: int) -> str:
    return str(item["id"]) if _has_id(item) else str(i)


def merge(base: Any, top: Any, path: str = "", lost: list[tuple[str, list[str]]] | None = None) -> Any:
    """`top` over `base`: tables by key, arrays of tables with an id by id (`remove = true` drops one), the rest
    replaced.
    A table that states a value or a distribution replaces the other's value and distribution together, and what was
    said of where they come from. lost: collects (path, ids there are) of each item to be removed that is not there."""
    if isinstance(base, dict) and isinstance(top, dict):
        out = dict(base)
        if is_quantity(base) and is_quantity(top):
            return dict(top)
        if "value" in base and "value" in top:  # a fact: its name and its date stay, its source does not
            out = {k: v for k, v in out.items() if k not in ("value", "unit", "source", "grade", "note", "exact")}
        for key, value in top.items():
            out[key] = merge(out.get(key), value, _join(path, key), lost)
        return out
    if isinstance(top, dict):
        if top and set(top) <= {"source", "grade", "note", "exact"} and base is not None and not isinstance(base, list):
            return {"value": base, **top}
        return {k: merge(None, v, _join(path, k), lost) for k, v in top.items()}
    if _is_items(top):
        by_id = {item["id"]: item for item in base} if _is_items(base) else {}
        for item in top:
            name = item["id"]
            if item.get("remove") is True:
                if name not in by_id and lost is not None:
                    lost.append((f"{path}.{name}", list(by_id)))
                by_id.pop(name, None)
                continue
            by_id[name] = merge(by_id.get(name), item, f"{path}.{name}", lost)
        return list(by_id.values())
    if isinstance(top, list):
        return [merge(None, x, f"{path}.{i}", lost) for i, x in enumerate(top)]
    return top


def _removed(data: Any, path: str = "") -> Iterator[str]:
    """Paths of the items that a file drops."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _removed(value, _join(path, key))
    elif _is_items(data):
        for item in data:
            if item.get("remove") is True:
                yield f"{path}.{item['id']}"
            else:
                yield from _removed(item, f"{path}.{item['id']}")


def _drop_levers(tree: Any, top: dict[str, Any]) -> None:
    """A lever goes with the item it moves: of the files below, those on what `top` drops. What `top` says itself stays,
    to be refused where it is on nothing."""
    gone = tuple(f"{path}." for path in _removed(top))
    inherited, own = tree.get("levers"), top.get("levers")
    if gone and isinstance(inherited, dict):
        stays = own if isinstance(own, dict) else {}
        tree["levers"] = {k: v for k, v in inherited.items() if k in stays or not k.startswith(gone)}


def _collect(
    data: Any, numbered: str, named: str, lines: Mapping[str, int], file: str, index: dict[str, Place]
) -> None:
    """Index entries under names (ids instead of numbers)."""
    if numbered in lines:
        index[named] = (file, lines[numbered])
    if isinstance(data, dict):
        for key, value in data.items():
            _collect(value, _join(numbered, key), _join(named, key), lines, file, index)
    elif isinstance(data, list):
        for i, value in enumerate(data):
            _collect(value, f"{numbered}.{i}", f"{named}.{_key_of(value, i)}", lines, file, index)


def _duplicates(data: Any, path: str, file: str, index: dict[str, Place], problems: list[Problem]) -> None:
    if isinstance(data, dict):
        for key, value in data.items():
            _duplicates(value, _join(path, key), file, index, problems)
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
    """A file with all that it extends, merged. UserError where a file cannot be read, or a parent is missing, extends
    back, or has no such item to remove."""
    path = Path(path)
    data, text = read_file(path)
    full = path.resolve()
    file = shown(path)
    lines = lines_of(text)
    parents = data.pop("extends", [])
    if isinstance(parents, str):
        parents = [parents]
    at = lines.get("extends")
    if not isinstance(parents, list) or not all(isinstance(p, str) for p in parents):
        raise UserError(Problem("extends takes a file name", file=file, line=at, key="extends", found=repr(parents)))
    tree = Tree({})
    for i, parent in enumerate(parents):
        target = path.parent / parent
        at = lines.get(f"extends.{i}", lines.get("extends"))
        if not _exists(target):
            raise UserError(
                Problem("the file it extends does not exist", file, at, "extends", parent, None, _near_file(target))
            )
        if target.is_dir():
            raise UserError(Problem("what it extends is a folder, not a file", file, at, "extends", repr(parent)))
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
    lost: list[tuple[str, list[str]]] = []
    tree.data = merge(tree.data, data, "", lost)
    _drop_levers(tree.data, data)
    for key, ids in lost:
        line = index.get(f"{key}.remove", (file, None))[1]
        name = key.rpartition(".")[2]
        near = next(iter(difflib.get_close_matches(name, ids, 1, 0.6)), None)
        problems.append(Problem("there is no such item to remove", file, line, key, name, ", ".join(ids[:8]), near))
    if problems:
        raise UserError(problems)
    tree.index.update(index)
    tree.texts[file] = _from_its_own_place(text, path.parent)
    return tree


_STRING = r'"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\''  # within a line
_EXTENDS = re.compile(rf"^[ \t]*extends[ \t]*=[ \t]*(?:{_STRING}|\[(?:{_STRING}|[^]\"'])*\])", re.MULTILINE)


def _from_its_own_place(text: str, folder: Path) -> str:
    """A file's text for the record: what it extends by an absolute path is named from its own folder, as elsewhere
    (see `put_back`) there is no such path."""

    def relative(written: re.Match[str]) -> str:
        with suppress(ValueError):  # in a comment; on another drive
            parent = tomli.loads(f"x = {written.group()}")["x"]
            if os.path.isabs(parent):
                return json.dumps(Path(os.path.relpath(parent, folder)).as_posix(), ensure_ascii=False)
        return written.group()

    return _EXTENDS.sub(lambda said: re.sub(_STRING, relative, said.group()), text, count=1)


def all_paths(data: Any, path: str = "") -> Iterable[str]:
    """Every settable path of a tree, ids instead of numbers."""
    if path:
        yield path
    if isinstance(data, dict):
        if is_quantity(data):
            return
        for key, value in data.items():
            yield from all_paths(value, _join(path, key))
    elif isinstance(data, list):
        for i, value in enumerate(data):
            yield from all_paths(value, f"{path}.{_key_of(value, i)}")


def nearest(path: str, known: Iterable[str]) -> str | None:
    """The known path most like `path`: one that leaves no part of it out, else by its ending, else as a whole."""
    known = list(known)
    parts = path.split(".")

    def within(candidate: str) -> bool:
        rest = iter(candidate.split("."))
        return all(part in rest for part in parts)

    whole = [k for k in known if within(k)]
    if whole:
        return min(whole, key=len)
    ending = [k for k in known if k.rpartition(".")[2] == parts[-1]]
    if len(parts) > 1 and len(ending) == 1:
        return ending[0]  # its last part says what is meant, whatever stands before it
    # A distant name is worse than none: it sends its reader to a part of the file that has nothing to do with theirs.
    # Shared tables at the front do not make two keys alike, so the last part has to be near by itself.
    alike = [k for k in known if difflib.SequenceMatcher(None, k.rpartition(".")[2], parts[-1]).ratio() >= 0.6]
    close = difflib.get_close_matches(path, ending, 1, 0.6) or difflib.get_close_matches(path, alike, 1, 0.6)
    return close[0] if close else None


_STEP = re.compile(r'"[^"]*"|\'[^\']*\'|[^.]+')


def _longest(node: dict[str, Any], parts: Sequence[str]) -> int:
    """How many of the parts make a key of the table: a key may itself hold dots ([levers])."""
    return next((n for n in range(len(parts), 0, -1) if ".".join(parts[:n]) in node), 0)


def apply_set(tree: Tree, assignment: str, root: type[BaseModel] | None = None) -> None:
    """One --set PATH=VALUE: the value as TOML writes it, else as text. root: see `set_value`."""
    path, equals, text = (part.strip() for part in assignment.partition("="))
    if not equals or not path:
        raise UserError(Problem("--set takes PATH=VALUE", key="--set", found=assignment))
    try:
        value = tomli.loads(f"x = {text}")["x"]
    except (ValueError, RecursionError):
        value = text
    set_value(tree, path, value, assignment, root)


def set_value(tree: Tree, path: str, value: Any, written: str, root: type[BaseModel] | None = None) -> None:
    """Put a value at a dotted path (ids name the items of arrays). A quantity loses value, distribution and source;
    a table is merged. `written` is how the user said it, for messages and the record.

    A key that the files leave out is made where the model `root` has a table or a field of that name; the last key of a
    path is left to the model to judge. UserError with the nearest path otherwise.
    """
    parts = [step.strip("\"'") for step in _STEP.findall(path)]
    if not parts:
        raise UserError(Problem("no such parameter", key="--set", found=path))
    node: Any = tree.data
    model: Any = root
    named: list[str] = []
    while True:
        if isinstance(node, dict):
            n = _longest(node, parts)
            key: Any = ".".join(parts[:n]) if n else parts[0]
            step, parts = (key, parts[n:]) if n else (key, parts[1:])
            declared = step in field_names(model)
            if not n and (parts or not named) and not declared:
                raise _unknown(tree, path)
            if not n and parts:
                node[key] = {}
        elif isinstance(node, list) and parts[0] in (keys := [_key_of(item, i) for i, item in enumerate(node)]):
            step, key, parts = parts[0], keys.index(parts[0]), parts[1:]
        else:
            raise _unknown(tree, path)
        named.append(step)
        model = below(model, step)
        held = node.get(key) if isinstance(node, dict) else node[key]
        if not parts or (parts == ["value"] and _is_leaf(held)):
            break
        node = held
    whole = ".".join(named)
    node[key] = merge(held, value)
    if _is_leaf(value):
        for inner in [p for p in tree.index if p.startswith(f"{whole}.")]:
            del tree.index[inner]
    place = (f"{COMMAND_LINE}{written}", 0)
    tree.index.update(dict.fromkeys(all_paths(value, whole), place))
    tree.sets.append(written)


def _is_leaf(x: object) -> bool:
    """A number or text, or the table of a quantity; or a table just made for one."""
    return not x or is_quantity(x) or not isinstance(x, dict | list)


def _unknown(tree: Tree, path: str) -> UserError:
    return UserError(Problem("no such parameter", key="--set", found=path, nearest=nearest(path, all_paths(tree.data))))


def _bare(annotation: Any) -> Any:
    """An annotation without Annotated and without None."""
    import types
    import typing

    while True:
        if typing.get_origin(annotation) is typing.Annotated:
            annotation = typing.get_args(annotation)[0]
        elif typing.get_origin(annotation) in (typing.Union, types.UnionType):
            annotation = next((a for a in typing.get_args(annotation) if a is not type(None)), None)
        else:
            return annotation


def below(annotation: Any, step: object) -> Any:
    """What the model says stands at a key of a table, or in an item of an array; None where it says nothing."""
    import typing

    annotation = _bare(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        info = annotation.model_fields.get(str(step))
        return _bare(info.annotation) if info else None
    if typing.get_origin(annotation) in (dict, list):
        return _bare(typing.get_args(annotation)[-1])
    return None


def field_names(annotation: Any) -> list[str]:
    """Keys that a table may have, by the model."""
    annotation = _bare(annotation)
    return list(annotation.model_fields) if isinstance(annotation, type) and issubclass(annotation, BaseModel) else []
