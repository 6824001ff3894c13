"""Where compiled kernels are kept."""

import os
import shutil
import subprocess
import sys

from tests.tiny import ROOT

PROGRAM = """
from sim import compiled
compiled.use_cache()
import numpy as np
from sim.finance.returns import returns_of_paths
row = np.zeros((1, 4))
returns_of_paths(row, row, row, row[0], np.zeros((2, 4)), row.copy(), row.copy(), row.copy())
print(sum(returns_of_paths.stats.cache_hits.values()))
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
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], cwd=place.parent, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        hits.append(int(done.stdout))
    assert hits == [0, 1]
