"""Compiling with less repetition: what numba works out again and again is remembered while a program is compiled.

numba resolves `a + b` of the same two types anew at every place, looks through every registry of functions whenever it
asks whether an array is something else, has LLVM parse a small module to learn the size of a number, and walks every
instruction's fields some ten times. None of that depends on the place. `remembering` answers from memory; nothing in
the code that comes out changes. It leans on numba's inner parts: where a version lacks one, that part is left alone.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any

from llvmlite import binding

OBJECTS = 200_000  # new ones before Python looks for cycles: numba makes millions that live to the end


def _call_types(original: Callable[..., Any]) -> Callable[..., Any]:
    """The signature of a built-in function for given types; failures are not remembered."""
    known: dict[Any, Any] = {}

    def get_call_type(self: Any, context: Any, args: Any, kws: Any) -> Any:
        key = (self, args, tuple(kws.items()))
        found = known.get(key)
        if found is None:
            found = known[key] = original(self, context, args, kws)
        return found

    return get_call_type


def _functions(original: Callable[..., Any]) -> Callable[..., Any]:
    """What writes out a function of a signature; and that a type of arrays is no other thing, which numba asks of each
    array it touches."""
    known: dict[Any, Any] = {}
    plain: set[Any] = set()

    def get_function(self: Any, fn: Any, sig: Any, _firstcall: bool = True) -> Any:
        key = (id(self), fn, sig.args, sig.return_type)
        found = known.get(key)
        if found is not None:
            return found
        if fn != "__array__":
            found = known[key] = original(self, fn, sig, _firstcall)
            return found
        if key in plain:
            raise NotImplementedError
        try:
            return original(self, fn, sig, _firstcall)
        except NotImplementedError:
            plain.add(key)
            raise

    return get_function


def _sizes(original: Callable[..., Any]) -> Callable[..., Any]:
    """Bytes of a type, by the text that LLVM would be given. numba asks once more in the context of each function."""
    known: dict[str, int] = {}

    def get_abi_sizeof(self: Any, ty: Any) -> int:
        key = str(ty)
        found = known.get(key)
        if found is None:
            found = known[key] = original(self, ty)
        return found

    return get_abi_sizeof


def _attributes(original: Callable[..., Any]) -> Callable[..., Any]:
    """The type of an attribute, and that there is none: whether a function's type has a `__call__` of its own is asked
    at every call."""
    known: dict[Any, Any] = {}

    def resolve_getattr(self: Any, typ: Any, attr: str) -> Any:
        key = (typ, attr)
        if key not in known:
            known[key] = original(self, typ, attr)
        return known[key]

    return resolve_getattr


def _deletion(original: Callable[..., Any]) -> Callable[..., Any]:
    """A variable that is not used any more: without reference counting nothing is to be given back or zeroed."""

    def delvar(self: Any, name: str) -> None:
        if self.context.enable_nrt:
            original(self, name)

    return delvar


def _variables(original: Callable[..., Any]) -> Callable[..., Any]:
    """The variables in an instruction's field: the fields that hold none are known by their type."""
    from numba.core import ir

    none: set[Any] = {str, int, float, bool, type(None), type(len), ir.Loc, ir.Const, ir.Global, ir.FreeVar, ir.Arg}
    variable = ir.Var

    def list_vars(self: Any, value: Any) -> list[Any]:
        kind = type(value)
        if kind is dict:
            value = value.values()
        elif kind is not tuple and kind is not list:
            return [value] if kind is variable else [] if kind in none else original(self, value)
        found = []
        for v in value:
            kind = type(v)
            if kind is variable:
                found.append(v)
            elif kind not in none:
                found += list_vars(self, v)
        return found

    return list_vars


def _names(original: Callable[..., Any]) -> Callable[..., Any]:
    """A record's name, which numba writes into every message that it prepares; ours have hundreds of fields."""
    known: dict[int, tuple[Any, str]] = {}

    def name(self: Any) -> str:
        found = known.get(id(self))
        if found is None:
            found = known[id(self)] = (self, original(self))  # kept with it, so that no other has its place
        return found[1]

    return name


def _once(original: Callable[..., Any]) -> Callable[..., Any]:
    """A check of LLVM itself, made at every function."""
    checked: list[bool] = []

    def check(self: Any) -> None:
        if not checked:
            original(self)
            checked.append(True)

    return check


_PARTS: tuple[tuple[str, str, Callable[[Callable[..., Any]], Callable[..., Any]]], ...] = (
    ("numba.core.types.functions:BaseFunction", "get_call_type", _call_types),
    ("numba.core.base:BaseContext", "get_function", _functions),
    ("numba.core.base:BaseContext", "get_abi_sizeof", _sizes),
    ("numba.core.typing.context:BaseContext", "resolve_getattr", _attributes),
    ("numba.core.ir:Inst", "_rec_list_vars", _variables),
    ("numba.core.lowering:Lower", "delvar", _deletion),
    ("numba.core.codegen:CPUCodegen", "_check_llvm_bugs", _once),
    ("numba.core.types.npytypes:Record", "__repr__", _names),
    ("numba.np.arrayobj:", "make_array", cache),
)


@contextmanager
def remembering() -> Iterator[None]:
    """While open, numba remembers; at the end it is as it was."""
    kept: list[tuple[Any, str, Any]] = []
    for where, name, memory in _PARTS:
        module, _, inside = where.partition(":")
        try:
            owner = import_module(module)
            owner = getattr(owner, inside) if inside else owner
            original = vars(owner).get(name) or getattr(owner, name)
            new = memory(original)
        except (ImportError, AttributeError):
            continue
        kept.append((owner, name, original))
        setattr(owner, name, new)
    thresholds = gc.get_threshold()
    gc.set_threshold(OBJECTS, *thresholds[1:])
    listeners: list[Any] = getattr(getattr(binding.ffi.lib, "_lock", None), "_cblist", [])
    told = listeners[:]
    listeners.clear()  # of every call of LLVM, for timings that nobody reads
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        listeners[:] = told
        for owner, name, original in reversed(kept):
            setattr(owner, name, original)
