"""Every English sentence that the sources can raise to a reader, found by reading them: for test_messages.py.

Follows what is handed to Problem, UserError, RunError and the ValueErrors of validators back through names, branches,
sums, helpers and their callers, to the texts it is made of. A text with values in it is a template: `no {what} here`.
`python -m tests.raised` prints them all, with where they stand.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

SOURCES = Path(__file__).resolve().parent.parent / "sim"
# ValueErrors of these are a programmer's mistakes, which no scenario, sheet or word of the command line can cause
PROGRAMMERS = (
    "finance/", "fonts/", "figures/", "measures.py", "model/metrics.py", "model/table.py", "analysis/journal.py",
    "analysis/work.py", "__init__.py",
)  # fmt: skip
SPOKEN = {  # what is called -> the arguments that a reader reads, by place and by name
    "Problem": {0: "message", 4: "found", 5: "expected"},
    "UserError": {0: "problems"},
    "RunError": {0: "message"},
    "ValueError": {0: "message"},
    "BareMoney": {0: "message"},
    "BareAmount": {0: "message"},
    "OSError": {1: "message"},
    "Undefined": {0: "reason"},
    "Rate": {1: "reason"},
    "replace": {},  # of dataclasses: a Problem told anew
    "ArithmeticError": {0: "message"},
}
PASSED_ON = re.compile(
    r"str\(|\.(message|found|expected|reason|strerror|msg)\b|problems|Problem\(|refuse|repr\(|json\."
)
SLOT = re.compile(r"(?<!\{)\{([^{}]*)\}(?!\})")
CHINESE = re.compile(r"[\u4e00-\u9fff]{2}")  # 亿 alone is a unit that English sentences name too
# what is the same in every language: options, PATH=VALUE, keys, names of columns, `code`
CODE = re.compile(
    r"`[^`]*`|\"[^\"]*\"|--[\w-]+|\[[\w.]+\]|[\w./]*[_/][\w./]*|\w+\.\w+|\b[A-Z][A-Z0-9_.]*\b|\b[a-z]\b|\bsd\b"
)


@dataclass(frozen=True)
class Raised:
    """One template and the first place it is raised at."""

    template: str
    file: str
    line: int


def shape(template: str) -> str:
    """A template with its slots unnamed: what two spellings of one message share."""
    return SLOT.sub("{}", template)


def in_words(template: str) -> bool:
    """Whether it says anything that depends on the language."""
    return bool(re.search(r"[A-Za-z]{2,}", CODE.sub("", SLOT.sub("", template))))


@dataclass(eq=False)
class Function:
    node: ast.FunctionDef
    room: Room
    above: Function | None
    spoken: dict[str, str] = field(default_factory=dict)  # parameter -> what it becomes

    @property
    def parameters(self) -> list[str]:
        a = self.node.args
        return [x.arg for x in (*a.posonlyargs, *a.args, *a.kwonlyargs)]


@dataclass(eq=False)
class Room:
    """One module."""

    file: str
    tree: ast.Module
    constants: dict[str, list[ast.expr]] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)  # name -> (module, name there)


class House:
    def __init__(self, root: Path = SOURCES) -> None:
        self.rooms: dict[str, Room] = {}
        for path in sorted(root.rglob("*.py")):
            name = ".".join(("sim", *path.relative_to(root).with_suffix("").parts)).removesuffix(".__init__")
            self.rooms[name] = Room(f"sim/{path.relative_to(root).as_posix()}", ast.parse(path.read_text("utf-8")))
        for room in self.rooms.values():
            self._enter(room, room.tree.body, None)
        self.raised: dict[str, Raised] = {}
        self.unseen: list[str] = []
        while self._spread():
            pass
        for room in self.rooms.values():
            for call, function in self._calls(room):
                for what, argument in self._spoken_arguments(room, call, function):
                    self._take(argument, what, room, function)

    # --- reading

    def _enter(self, room: Room, body: list[ast.stmt], above: Function | None) -> None:
        for node in body:
            for inner in [node, *_below(node)]:
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                    made = Function(inner, room, above)  # type: ignore[arg-type]
                    room.functions.setdefault(inner.name, made)
                    inner.own = made  # type: ignore[attr-defined]
                    self._enter(room, inner.body, made)
                elif isinstance(inner, ast.ImportFrom) and inner.module:
                    for name in inner.names:
                        room.imported[name.asname or name.name] = (inner.module, name.name)
                elif isinstance(inner, ast.Assign) and above is None:
                    for target in inner.targets:
                        if isinstance(target, ast.Name):
                            room.constants.setdefault(target.id, []).append(inner.value)
                elif isinstance(inner, ast.AnnAssign) and above is None and isinstance(inner.target, ast.Name):
                    room.constants.setdefault(inner.target.id, []).extend([inner.value] if inner.value else [])

    @cache  # noqa: B019 (a house is made once)
    def _calls(self, room: Room) -> list[tuple[ast.Call, Function | None]]:
        found: list[tuple[ast.Call, Function | None]] = []
        todo: list[tuple[ast.AST, Function | None]] = [(room.tree, None)]
        while todo:
            node, function = todo.pop()
            if isinstance(node, ast.Call):
                found.append((node, function))
            inside = getattr(node, "own", function)
            todo += [(child, inside) for child in _children(node)]
        return found

    def _called(self, room: Room, call: ast.Call) -> Function | None:
        """The function of this house that is called, as far as its name tells."""
        if isinstance(call.func, ast.Name):
            name = call.func.id
            if name in room.functions:
                return room.functions[name]
            module, name = room.imported.get(name, ("", name))
            return self.rooms[module].functions.get(name) if module in self.rooms else None
        if isinstance(call.func, ast.Attribute):
            name = call.func.attr
            if isinstance(call.func.value, ast.Name) and call.func.value.id in room.imported:
                module, own = room.imported[call.func.value.id]
                other = self.rooms.get(f"{module}.{own}")
                if other is not None:
                    return other.functions.get(name)
            return room.functions.get(name)
        return None

    def _spoken_arguments(
        self, room: Room, call: ast.Call, function: Function | None
    ) -> Iterator[tuple[str, ast.expr]]:
        name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
        if name == "append" and len(call.args) == 1 and isinstance(call.args[0], ast.Tuple):
            if len(call.args[0].elts) == 4 and "ScenarioProblems" in room.imported:
                yield "message", call.args[0].elts[1]
                yield "found", call.args[0].elts[2]
            return
        if name == "ScenarioProblems" and call.args and isinstance(call.args[0], ast.List):
            for item in call.args[0].elts:
                if isinstance(item, ast.Tuple):
                    yield "message", item.elts[1]
                    yield "found", item.elts[2]
            return
        if name == "ValueError" and any(part in room.file for part in PROGRAMMERS):
            return
        if name in SPOKEN:
            for place, what in SPOKEN[name].items():
                if place < len(call.args) and not any(isinstance(x, ast.Starred) for x in call.args[: place + 1]):
                    yield what, call.args[place]
            starred = [i for i, x in enumerate(call.args) if isinstance(x, ast.Starred)]
            if name == "Problem" and starred:  # Problem(message, *(file, line, key), found, expected)
                rest = call.args[starred[0] + 1 :]
                missing = {1: 3, 2: 2}.get(starred[0], 3)
                for place, argument in enumerate(rest):
                    at = starred[0] + missing + place
                    if at in SPOKEN[name]:
                        yield SPOKEN[name][at], argument
                if starred[0] > 0:
                    yield "message", call.args[0]
            for keyword in call.keywords:
                if keyword.arg in SPOKEN["Problem" if name == "replace" else name].values():
                    yield keyword.arg or "", keyword.value
            return
        called = self._called(room, call)
        if called is None or not called.spoken:
            return
        names = called.parameters
        if names[:1] in (["self"], ["cls"]) and isinstance(call.func, ast.Attribute):
            names = names[1:]
        for place, argument in enumerate(call.args):
            if place < len(names) and names[place] in called.spoken:
                yield called.spoken[names[place]], argument
        for keyword in call.keywords:
            if keyword.arg in called.spoken:
                yield called.spoken[keyword.arg], keyword.value

    def _spread(self) -> bool:
        """One step from what is spoken to the parameters it is made of; whether anything was found."""
        more = False
        for room in self.rooms.values():
            for call, function in self._calls(room):
                if function is None:
                    continue
                for what, argument in self._spoken_arguments(room, call, function):
                    for name in self._parameters_in(argument, room, function):
                        if name not in function.spoken:
                            function.spoken[name] = what
                            more = True
                kwarg = function.node.args.kwarg
                if kwarg and any(k.arg is None and _is_name(k.value, kwarg.arg) for k in call.keywords):
                    called = call.func.id if isinstance(call.func, ast.Name) else ""
                    for what in SPOKEN.get(called, {}).values():
                        if what not in function.spoken and what != "problems":
                            function.spoken[what] = what
                            more = True
        return more

    def _parameters_in(self, node: ast.expr, room: Room, function: Function, depth: int = 0) -> set[str]:
        """Parameters that become the whole of a text, or a part that is not merely a value in it."""
        if depth > DEEPEST:
            return set()

        def further(*nodes: ast.expr) -> set[str]:
            return set().union(*(self._parameters_in(x, room, function, depth + 1) for x in nodes))

        if isinstance(node, ast.Name):
            if node.id in function.parameters:
                return {node.id}
            return further(*(x for x in _assigned(function.node, node.id) if not _is_name(x, node.id)))
        if isinstance(node, ast.IfExp):
            return further(node.body, node.orelse)
        if isinstance(node, ast.BinOp):
            return further(node.left, node.right)
        if isinstance(node, ast.BoolOp):
            return further(*node.values)
        if isinstance(node, ast.JoinedStr):
            slots = [x.value for x in node.values if isinstance(x, ast.FormattedValue)]
            names = [x.id for x in slots if isinstance(x, ast.Name)]
            return {x for x in names if x in function.parameters and x in SENTENCES}
        return set()

    # --- templates

    def _take(self, node: ast.expr, what: str, room: Room, function: Function | None) -> None:
        for template in self.templates(node, room, function):
            if template is None:
                text = ast.unparse(node)
                if what == "message" and not PASSED_ON.search(text):
                    self.unseen.append(f"{room.file}:{node.lineno}: {text}")
            elif not CHINESE.search(template) and in_words(template):
                self.raised.setdefault(shape(template), Raised(template, room.file, node.lineno))

    def templates(self, node: ast.expr, room: Room, function: Function | None, depth: int = 0) -> list[str | None]:
        """The texts that an expression may be; None for what cannot be seen here."""
        if depth > DEEPEST:
            return [None]

        def deeper(inner: ast.expr) -> list[str | None]:
            return self.templates(inner, room, function, depth + 1)

        if isinstance(node, ast.Constant):
            if node.value is None:
                return []
            return [node.value.replace("{", "{{").replace("}", "}}")] if isinstance(node.value, str) else [None]
        if isinstance(node, ast.JoinedStr):
            parts: list[list[str]] = []
            for piece in node.values:
                if isinstance(piece, ast.Constant):
                    parts.append([str(piece.value).replace("{", "{{").replace("}", "}}")])
                elif isinstance(piece, ast.FormattedValue):
                    quoted = bool(parts) and parts[-1][0].endswith("`")  # a key, not a word
                    words = [] if quoted else self._words_of(piece.value, room, function, depth)
                    parts.append(words or [f"{{{_slot(piece.value)}}}"])
            return ["".join(x) for x in itertools.product(*parts)]
        if isinstance(node, ast.IfExp):
            both = deeper(node.body) + deeper(node.orelse)
            return [] if _is_bilingual(both) else both
        if isinstance(node, ast.BoolOp):
            return [x for value in node.values for x in deeper(value)]
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            left, right = deeper(node.left), deeper(node.right)
            slot = [f"{{{_slot(node.left)}}}"], [f"{{{_slot(node.right)}}}"]
            left, right = ([y for x in side for y in (other if x is None else [x])] for side, other in
                           zip((left, right), slot, strict=True))  # fmt: skip
            return [a + b for a in left for b in right]
        if isinstance(node, ast.Name):
            return self._named(node, room, function, depth)
        if isinstance(node, ast.Subscript):
            held = self._constant(node.value, room)
            values = [v for x in held if isinstance(x, ast.Dict) for v in x.values] or (
                node.value.values if isinstance(node.value, ast.Dict) else []
            )
            return [x for value in values for x in deeper(value)] or [None]
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and node.func.attr in ("replace", "removesuffix", "format"):
                return deeper(node.func.value)
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in ("say", "bilingual") or name in SPOKEN:
                return []
            called = self._called(room, node)
            if called is not None and called is not function:
                returned = [x.value for x in ast.walk(called.node) if isinstance(x, ast.Return) and x.value]
                return [x for value in returned for x in self.templates(value, called.room, called, depth + 1)]
            if name == "next" and node.args and isinstance(node.args[0], ast.GeneratorExp):
                each = node.args[0]
                held = [v for g in each.generators for v in self._values_of(g.iter, room)]
                return [x for value in held or [each.elt] for x in deeper(value)]
        return [None]

    def _words_of(self, node: ast.expr, room: Room, function: Function | None, depth: int) -> list[str]:
        """The words that a slot may hold where they are few and written down; empty where it holds a value."""
        if isinstance(node, ast.Name) and node.id in SENTENCES:
            self._take(node, "found", room, function)
            return []
        if not isinstance(node, ast.Name | ast.IfExp | ast.Subscript):
            return []
        if isinstance(node, ast.Name) and function is not None and node.id in function.parameters:
            return []
        held = _assigned(function.node, node.id) if isinstance(node, ast.Name) and function is not None else []
        if any(isinstance(x, ast.Call) for x in held):
            return []
        found = self.templates(node, room, function, depth + 1)
        if not found or any(x is None for x in found):
            if isinstance(node, ast.IfExp):
                self._take(node, "found", room, function)  # a value or a word in its place
            return []
        return [x for x in dict.fromkeys(found) if x is not None]

    def _values_of(self, node: ast.expr, room: Room) -> list[ast.expr]:
        """The values of a written table that `TABLE.items()` runs over."""
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("items", "values")
        ):
            return [v for x in self._constant(node.func.value, room) if isinstance(x, ast.Dict) for v in x.values]
        return []

    def _constant(self, node: ast.expr, room: Room) -> list[ast.expr]:
        if not isinstance(node, ast.Name):
            return []
        if node.id in room.constants:
            return room.constants[node.id]
        module, name = room.imported.get(node.id, ("", ""))
        return self.rooms[module].constants.get(name, []) if module in self.rooms else []

    def _named(self, node: ast.Name, room: Room, function: Function | None, depth: int) -> list[str | None]:
        at: Function | None = function
        while at is not None:
            if node.id in at.parameters:
                defaults = dict(zip(reversed(at.parameters), reversed(at.node.args.defaults), strict=False))
                default = defaults.get(node.id)
                return self.templates(default, room, None, depth + 1) if default is not None else []
            everywhere = _assigned(at.node, node.id)
            values = [x for x in everywhere if x.lineno <= node.lineno] or everywhere
            if values:
                found: list[str | None] = []
                before: list[str | None] = []
                for value in values:
                    if isinstance(value, ast.AugAssign):
                        more = self.templates(value.value, room, at, depth + 1)
                        before += [f"{a}{b}" for a in found for b in more if a is not None and b is not None]
                    else:
                        found += self.templates(value, room, at, depth + 1)
                return [] if _is_bilingual(found) else found + before
            at = at.above
        values = self._constant(node, room)
        return [x for value in values for x in self.templates(value, room, None, depth + 1)] if values else [None]


DEEPEST = 8  # steps back that a text is followed
SENTENCES = (
    "accepted",
    "then",
    "until",
    "remedy",
)  # names of texts that stand within others and have a twin of their own


def _below(node: ast.AST) -> Iterator[ast.AST]:
    """Everything below a node, functions themselves but not what is in them."""
    todo = [] if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else _children(node)
    while todo:
        child = todo.pop()
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            todo += _children(child)


def _children(node: ast.AST) -> list[ast.AST]:
    """The nodes directly below, the last first: a stack gives them back in the order of the text."""
    return list(ast.iter_child_nodes(node))[::-1]


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _is_bilingual(found: list[str | None]) -> bool:
    """One branch is Chinese: the choice of language was made where the text stands."""
    return any(x is not None and CHINESE.search(x) for x in found)


@cache
def _assigned(function: ast.AST, name: str) -> list[ast.expr]:
    """What a name of a function may hold: its assignments, and the items of a written list it runs over."""
    out: list[ast.expr] = []
    for node in ast.walk(function):
        if isinstance(node, ast.Assign | ast.NamedExpr):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if _is_name(target, name):
                    out.append(node.value)
                elif isinstance(target, ast.Tuple):
                    for i, item in enumerate(target.elts):
                        if _is_name(item, name):
                            out.append(node.value.elts[i] if isinstance(node.value, ast.Tuple) else node.value)
        elif isinstance(node, ast.AnnAssign) and _is_name(node.target, name) and node.value is not None:
            out.append(node.value)
        elif isinstance(node, ast.AugAssign) and _is_name(node.target, name):
            out.append(node)  # type: ignore[arg-type]
        elif isinstance(node, ast.For | ast.comprehension):
            items = node.iter.elts if isinstance(node.iter, ast.Tuple | ast.List) else []
            names = node.target.elts if isinstance(node.target, ast.Tuple) else [node.target]
            for i, item in enumerate(names):
                if _is_name(item, name):
                    wanted = isinstance(node.target, ast.Tuple)
                    out += [x.elts[i] if wanted and isinstance(x, ast.Tuple) else x for x in items] or [node.iter]
    return out


def _slot(node: ast.expr) -> str:
    """A plain name for a value in a text: the last name that its expression holds."""
    names = [
        x.id if isinstance(x, ast.Name) else x.attr for x in ast.walk(node) if isinstance(x, ast.Name | ast.Attribute)
    ]
    if isinstance(node, ast.Attribute):
        return node.attr
    return names[0] if names else "value"


if __name__ == "__main__":
    house = House()
    for text in sorted(house.raised.values(), key=lambda r: (r.file, r.line)):
        print(f"{text.file}:{text.line}: {text.template}")
    print("\nunseen:", *house.unseen, sep="\n  ")
