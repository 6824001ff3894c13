"""Compiling a kernel as one program.

numba optimises every function with all that it calls, and makes machine code and two wrappers of each: a function five
calls deep is optimised five times over. Inside `whole_program` the functions below the entry are only translated; the
entry, with everything linked into it once, is optimised once. What LLVM does with a function alone is done in a thread
beside numba's translation of the next, in the same order. What numba works out again and again is remembered meanwhile
(quick.py). It leans on numba's inner parts; where a version of numba lacks one of them, compiling is slow
again and nothing else changes.
"""

import ctypes
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from sim.model.quick import remembering


@ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
def _part(closure: Any, args: Any, keywords: Any) -> Any:
    raise RuntimeError("this function was compiled as a part of a whole program only")


_PART_ADDRESS = ctypes.cast(_part, ctypes.c_void_p).value


@contextmanager
def whole_program(entry: Any) -> Iterator[None]:
    """While open, a first call of the dispatcher `entry` compiles it as one program.

    Functions below it that were compiled on the way are forgotten again at the end, so that one called from Python
    alone is compiled for that in the ordinary way.
    """
    if not hasattr(entry, "py_func"):  # numba is switched off
        yield
        return
    try:
        from llvmlite import binding
        from numba import _dynfunc  # type: ignore[attr-defined]
        from numba.core import cgutils, codegen, cpu, event, lowering, targetconfig

        make_function = _dynfunc.make_function
        library, context, lower = codegen.CPUCodeLibrary, cpu.CPUContext, lowering.Lower
        settings = targetconfig.TargetConfig
        originals = [
            (library, "add_ir_module"),
            (library, "_optimize_functions"),
            (library, "_optimize_final_module"),
            (library, "_finalize_final_module"),
            (library, "_get_module_for_linking"),
            (library, "finalize"),
            (context, "get_executable"),
            (lower, "create_cpython_wrapper"),
            (lower, "create_cfunc_wrapper"),
            (settings, "__hash__"),
            (settings, "__eq__"),
        ]
        kept = [(owner, name, getattr(owner, name)) for owner, name in originals]
        add, _, optimise, finish, _, finalize, executable, python_wrapper, *_, equal = (each for _, _, each in kept)
    except (ImportError, AttributeError):
        yield
        return
    name = entry.py_func.__qualname__
    below: set[Any] = set()

    class Seen(event.Listener):
        def on_start(self, event: Any) -> None:
            below.add(event.data["dispatcher"])

        def on_end(self, event: Any) -> None:
            pass

    beside = ThreadPoolExecutor(1, "llvm")
    under_way: list[Future[None]] = []

    def add_part(self: Any, ir_module: Any) -> None:
        """Read, checked and tidied by LLVM, which needs no lock of Python's, beside numba's work on the next part."""
        if self.name == name:
            add(self, ir_module)
            return
        text = cgutils.normalize_ir_text(str(ir_module))

        def tidy() -> None:
            read = binding.parse_assembly(text)
            read.name = ir_module.name
            read.verify()
            self.add_llvm_module(read)

        under_way.append(beside.submit(tidy))

    def optimise_functions(self: Any, ll_module: Any) -> None:
        """numba's own also sets up LLVM's passes for each function that is only named, which are three in four."""
        ll_module.data_layout = self._codegen._data_layout
        for function in ll_module.functions:
            if not function.is_declaration:
                passes, builder = self._codegen._function_pass_manager()
                passes.run(function, builder)

    def optimise_entry(self: Any) -> None:
        if self.name == name:
            optimise(self)

    def finish_entry(self: Any) -> None:
        if self.name == name:
            finish(self)
        else:
            under_way.append(beside.submit(self._finalize_dynamic_globals))
            self._finalized = True

    def finish_whole(self: Any) -> None:
        """A part is finished as it stands; the entry has every part below it linked in, each once."""
        if self.name != name:
            for part in self._linking_libraries:
                self._reload_init.update(part._reload_init)
            finish_entry(self)
            return
        for part in under_way:
            part.result()
        parts: dict[Any, None] = {}

        def gather(part: Any) -> None:
            if part not in parts:
                for lower in part._linking_libraries:
                    gather(lower)
                parts[part] = None

        for part in self._linking_libraries:
            gather(part)
        self._linking_libraries[:] = reversed(parts)  # callers first: LLVM takes over only what is already called for
        finalize(self)

    def linked_part(self: Any) -> Any:
        """A part is linked from itself, not from a copy: nobody else needs its functions to be seen from outside."""
        if self._shared_module is None:
            for function in self._final_module.functions:
                if not function.is_declaration and function.linkage.name == "external":
                    function.linkage = "linkonce_odr"
            self._shared_module = self._final_module
        return self._shared_module

    def executable_entry(self: Any, library: Any, fndesc: Any, env: Any) -> Any:
        if fndesc.qualname == name:
            return executable(self, library, fndesc, env)
        # A new object each time: numba finds a compiled form by it.
        return make_function(fndesc.lookup_module(), fndesc.qualname, "", _PART_ADDRESS, env, (library,))

    def python_wrapper_entry(self: Any, *args: Any, **kwargs: Any) -> None:
        if self.fndesc.qualname == name:
            python_wrapper(self, *args, **kwargs)

    def c_wrapper_entry(self: Any) -> None:
        """The entry is called from Python only."""

    def settings_hash(self: Any) -> int:
        """What numba computes, which is one number for all settings of a class, at a hundredth of the time."""
        return hash(type(self))

    def settings_equal(self: Any, other: Any) -> Any:
        return self is other or (isinstance(other, settings) and self._values == other._values) or equal(self, other)

    with event.install_listener("numba:compile", Seen()), remembering():
        library.add_ir_module = add_part
        library._optimize_functions = optimise_functions
        library._optimize_final_module = optimise_entry
        library._finalize_final_module = finish_entry
        library._get_module_for_linking = linked_part
        library.finalize = finish_whole
        context.get_executable = executable_entry
        lower.create_cpython_wrapper = python_wrapper_entry
        lower.create_cfunc_wrapper = c_wrapper_entry
        settings.__hash__, settings.__eq__ = settings_hash, settings_equal
        try:
            yield
        finally:
            beside.shutdown(cancel_futures=True)
            for owner, attribute, method in kept:
                setattr(owner, attribute, method)
            for dispatcher in below - {entry}:
                dispatcher._reset_overloads()
