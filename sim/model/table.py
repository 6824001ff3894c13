"""Tables as pointers: how a compiled kernel is handed a whole world for the price of one address.

numba flattens a NamedTuple of arrays into seven values an array at every call; with a world of two hundred arrays each
call cost 100 ns, and compiling took two minutes. Here a table is one pointer to a list of (address, lengths) a column,
and `firms.cash` loads the column where it is used. The list does not change while a kernel runs, so the loads are
marked invariant and leave the loops. In Python, and where numba is switched off, a table is the NamedTuple itself.

Not offered: columns that are not C-contiguous, tables that grow while a kernel runs.
"""

import operator
from functools import reduce
from typing import Any

import numpy as np
from llvmlite import ir
from numba import config
from numba.core import types
from numba.core.cgutils import get_item_pointer2, pack_array, unpack_tuple
from numba.core.typing.templates import AttributeTemplate
from numba.extending import (
    NativeValue,
    infer_getattr,
    lower_builtin,
    lower_getattr_generic,
    models,
    register_model,
    typeof_impl,
    unbox,
)
from numba.np import arrayobj
from numba.np.numpy_support import from_dtype

WORD = ir.IntType(64)


class TableType(types.Type):
    """A table's kind and its columns: (name, array or table type, place of its address in the list)."""

    def __init__(self, kind: str, columns: tuple[tuple[str, types.Type, int], ...]) -> None:
        self.columns = columns
        super().__init__(name=f"Table{kind}")

    def find(self, name: str) -> tuple[types.Type, int] | None:
        return next(((kind, place) for known, kind, place in self.columns if known == name), None)


register_model(TableType)(models.OpaqueModel)


class Pointer:
    """What a kernel is given for a NamedTuple of arrays (and of such NamedTuples): `address` of its list.

    It keeps the arrays alive. The arrays must not be replaced, only written.
    """

    def __init__(self, table: Any) -> None:
        words: list[int] = []
        columns: list[tuple[str, types.Type, int]] = []
        self._parts = []
        for name, column in zip(table._fields, table, strict=True):
            if isinstance(column, np.ndarray):
                if not column.flags.c_contiguous:
                    raise ValueError(f"column {name} of {type(table).__name__} is not C-contiguous")
                columns.append((name, types.Array(from_dtype(column.dtype), column.ndim, "C"), len(words)))
                words += [column.ctypes.data, *column.shape]
                self._parts.append(column)
            else:
                part = Pointer(column)
                columns.append((name, part.type, len(words)))
                words.append(part.address)
                self._parts.append(part)
        self._list = np.array(words, np.int64)
        self.address = self._list.ctypes.data
        self.type = TableType(type(table).__name__, tuple(columns))


def pointer_to(table: Any) -> Any:
    """A table as kernels take it: a Pointer, or the NamedTuple itself where numba is switched off."""
    return table if config.DISABLE_JIT else Pointer(table)  # type: ignore[attr-defined]


@typeof_impl.register(Pointer)
def _type_of(pointer: Pointer, context: Any) -> TableType:
    return pointer.type


@unbox(TableType)
def _unbox(kind: TableType, given: Any, c: Any) -> NativeValue:
    held = c.pyapi.object_getattr_string(given, "address")
    word = c.pyapi.long_as_longlong(held)
    c.pyapi.decref(held)
    return NativeValue(c.builder.inttoptr(word, ir.IntType(8).as_pointer()))


@infer_getattr
class _Columns(AttributeTemplate):
    key = TableType

    def generic_resolve(self, table: TableType, attr: str) -> types.Type | None:
        found = table.find(attr)
        return found[0] if found else None


@lower_getattr_generic(TableType)
def _load_column(context: Any, builder: Any, table: TableType, pointer: Any, attr: str) -> Any:
    kind: Any
    kind, place = table.find(attr)  # type: ignore[misc]
    words = builder.bitcast(pointer, WORD.as_pointer())

    def word(k: int) -> Any:
        loaded = builder.load(builder.gep(words, [WORD(place + k)]))
        loaded.set_metadata("invariant.load", builder.module.add_metadata([]))
        return loaded

    if isinstance(kind, TableType):
        return builder.inttoptr(word(0), ir.IntType(8).as_pointer())
    data_type = context.get_data_type(kind.dtype)
    item = context.get_abi_sizeof(data_type)
    shape = [word(1 + d) for d in range(kind.ndim)]
    strides = [WORD(item)]
    for length in reversed(shape[1:]):
        strides.insert(0, builder.mul(strides[0], length))
    # Written as one value: numba's own way, by memory, is five times as many instructions, which take time to clear.
    # What is known beforehand stands in the constant that the value begins with.
    known: dict[str, Any] = {"meminfo": None, "parent": None, "itemsize": item}
    found: dict[str, Any] = {
        "nitems": reduce(builder.mul, shape),
        "data": builder.inttoptr(word(0), data_type.as_pointer()),
        "shape": pack_array(builder, shape, WORD),
    }
    if kind.ndim == 1:
        known["strides"] = [item]
    else:
        found["strides"] = pack_array(builder, strides, WORD)
    model: Any = context.data_model_manager[kind]
    whole = model.get_value_type()
    parts: list[Any] = [ir.Undefined] * len(whole.elements)
    for name, value in known.items():
        parts[model.get_field_position(name)] = value
    array: Any = ir.Constant(whole, [ir.Constant(t, part) for t, part in zip(whole.elements, parts, strict=True)])
    for name, value in found.items():
        array = builder.insert_value(array, value, model.get_field_position(name))
    return array


def _element(context: Any, builder: Any, kind: Any, array: Any, at: Any, index: Any) -> Any:
    """The address of the element of a C-contiguous array that whole numbers name; None for any other indexing."""
    kinds: Any = getattr(at, "types", (at,))  # a tuple's parts
    if (
        kind.layout != "C"
        or len(kinds) != kind.ndim
        or not all(isinstance(k, types.Integer) for k in kinds)
        or context.enable_boundscheck
        or not isinstance(kind.dtype, types.Number | types.Boolean)
    ):
        return None
    model = context.data_model_manager[kind]
    parts = unpack_tuple(builder, index, len(kinds)) if isinstance(at, types.BaseTuple) else [index]
    shape = unpack_tuple(builder, builder.extract_value(array, model.get_field_position("shape")), kind.ndim)
    places = [
        arrayobj.fix_integer_index(context, builder, k, part, size)
        for k, part, size in zip(kinds, parts, shape, strict=True)
    ]
    data = builder.extract_value(array, model.get_field_position("data"))
    return get_item_pointer2(context, builder, data, shape, (), "C", places, wraparound=False, boundscheck=False)


@lower_builtin(operator.getitem, types.Array, types.Integer)
@lower_builtin(operator.getitem, types.Array, types.BaseTuple)
def _get_element(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """array[i], array[i, j] of numbers without a detour by memory; all else as numba does it."""
    (kind, at), (array, index) = sig.args, args
    pointer = _element(context, builder, kind, array, at, index)
    if pointer is not None:
        return arrayobj.load_item(context, builder, kind, pointer)
    if isinstance(at, types.BaseTuple):
        return arrayobj.getitem_array_tuple(context, builder, sig, args)
    return arrayobj.getitem_arraynd_intp(context, builder, sig, args)


@lower_builtin(operator.setitem, types.Array, types.Integer, types.Any)
@lower_builtin(operator.setitem, types.Array, types.BaseTuple, types.Any)
def _set_element(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """array[i] = x, array[i, j] = x of numbers in the same way."""
    (kind, at, given), (array, index, value) = sig.args, args
    pointer = _element(context, builder, kind, array, at, index)
    if pointer is None or not isinstance(given, types.Number | types.Boolean):
        return arrayobj.setitem_array(context, builder, sig, args)
    arrayobj.store_item(context, builder, kind, context.cast(builder, value, given, kind.dtype), pointer)
    return None
