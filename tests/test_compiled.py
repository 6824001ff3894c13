"""Where compiled kernels are kept."""

import os
import shutil
import subprocess
import sys

from tests.tiny import ROOT

TWICE = """
from sim.model.jit import entry
@entry
def twice(x):
    return 2.0 * x
"""
PROGRAM = """
from sim import compiled
compiled.use_cache()
from sim.model.twice import twice
assert twice(1.0) == 2.0
print(sum(twice.stats.cache_hits.values()))
"""


def test_a_kernel_compiled_in_one_checkout_is_found_in_another(tmp_path):
    """numba's own cache would compile again: it goes by the path of the source and by when it was touched."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "kernels")}
    hits = []
    for name in ("one", "two"):
        place = tmp_path / name / "sim"
        for source in (ROOT / "sim").rglob("*.py"):
            copied = place / source.relative_to(ROOT / "sim")
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copied)  # with a time of its own
        (place / "model" / "twice.py").write_text(TWICE)  # compiled in a moment
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], cwd=place.parent, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        hits.append(int(done.stdout))
    assert hits == [0, 1]


ARRAYS = """
import numba, numpy as np
from sim.model.jit import njit
from sim.model.table import pointer_to
from typing import NamedTuple
class Both(NamedTuple):
    flat: np.ndarray
    wide: np.ndarray
@njit
def use(t, i, j, small):
    t.flat[i] += 1.5
    t.wide[i, j] = 7  # a whole number into an array of floats, counted from the end
    t.wide[small, small] = t.flat[-1]
    t.wide[0] = t.flat  # a row at once, as numba does it
    part = t.wide[:, 1:]
    return t.flat[i] + t.wide[j, i] + part[0, -1] + t.wide[1, :].sum() + t.flat[small]
def made():
    return Both(np.arange(4.0), np.arange(12.0).reshape(3, 4))
one, two = made(), made()
got = use(pointer_to(one), -2, -1, np.uint8(1))
wanted = use.py_func(two, -2, -1, np.uint8(1))
assert got == wanted and (one.flat == two.flat).all() and (one.wide == two.wide).all(), (got, wanted, one, two)
"""


def test_a_compiled_index_means_what_it_means_in_python():
    """From the end, of several widths, whole rows and slices: sim/model/table.py writes out the first two itself."""
    done = subprocess.run([sys.executable, "-c", ARRAYS], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


REMEMBERED = """
import importlib
from sim.model import quick
KNOWN = quick._PARTS
def parts():
    for where, name, _ in KNOWN:
        module, _, inside = where.partition(":")
        owner = importlib.import_module(module)
        yield vars(getattr(owner, inside) if inside else owner)[name]
before = list(parts())
with quick.remembering():
    assert not set(map(id, before)) & set(map(id, parts()))
assert before == list(parts())
quick._PARTS += (("numba.core.ir:NoSuchClass", "x", quick._once), ("numba.no_such_module:", "x", quick._once))
with quick.remembering():
    pass
assert before == list(parts())
"""


def test_numba_is_as_it_was_after_compiling_and_a_part_it_lacks_is_left_alone():
    done = subprocess.run([sys.executable, "-c", REMEMBERED], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
