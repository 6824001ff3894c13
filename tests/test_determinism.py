"""The same bits whatever the threads and however often; the same numbers as are on record; no index out of range."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from sim.ensemble import FIRST_LOOK, simulate
from sim.scenario import load_scenario
from tests import another_processor, every_kind_of_scenario, golden

RECORD = json.loads(golden.GOLDEN.read_text(encoding="utf-8"))


def small(name: str, **entry: float):
    overrides = [f"firms.entry.{each}" for each in every_kind_of_scenario.KINDS[name]]
    return load_scenario(golden.ROOT / "scenarios" / f"{name}.toml", [*every_kind_of_scenario.SMALL, *overrides])


def test_every_shipped_scenario_is_on_record():
    assert sorted(RECORD) == golden.shipped()


@pytest.mark.parametrize("name", golden.shipped())
def test_the_numbers_are_those_on_record(name):
    """Not so after a change that is meant: `make golden`, and "numbers change" in the changelog."""
    found, kept = golden.record(name), RECORD[name]
    assert found["history"] == kept["history"]
    assert sorted(found["amounts"]) == sorted(kept["amounts"])
    off = {f: found["amounts"][f] - x for f, x in kept["amounts"].items()}
    assert max(abs(x) for x in off.values()) < golden.TOLERANCE, off


def test_the_record_takes_the_last_bits_and_sees_a_millionth():
    result = simulate(small("xian"), 2, 7, events=0)
    kept = golden.record_of(result.metrics, result.values)
    noise = np.random.default_rng(1).uniform(-1.0, 1.0, result.values.shape)
    measured = np.array([metric.unit in golden.MEASURED for metric in result.metrics])[:, None, None]
    last_bits = np.where(measured, result.values * (1 + 4e-16 * noise), result.values)
    other_processor = golden.record_of(result.metrics, last_bits)
    assert other_processor["history"] == kept["history"]
    for family, x in kept["amounts"].items():
        assert abs(other_processor["amounts"][family] - x) < golden.TOLERANCE / 100
    changed = result.values.copy()
    row = [metric.name for metric in result.metrics].index("output.year")
    changed[row, 1, 7] *= 1 + 1e-6
    assert abs(golden.record_of(result.metrics, changed)["amounts"]["output"] - kept["amounts"]["output"]) > 2e-7
    counted = result.values.copy()
    row = [metric.name for metric in result.metrics].index("firms.alive")
    counted[row, 0, 3] += 1
    assert golden.record_of(result.metrics, counted)["history"] != kept["history"]


@pytest.mark.parametrize(
    ("others", "worlds", "logged"),
    [((1, 3), 4, 1), *(pytest.param(others, 7, 3, marks=pytest.mark.slow) for others in ((1, 3), (2, 7)))],
    ids=str,
)
@pytest.mark.parametrize("name", every_kind_of_scenario.KINDS)
def test_any_number_of_threads_and_any_repetition_gives_the_same_bits(name, others, worlds, logged):
    scenario = small(name)
    first = simulate(scenario, worlds, 5, threads=1, events=logged)
    for threads in others:
        again = simulate(scenario, worlds, 5, threads=threads, events=logged)
        assert first.values.tobytes() == again.values.tobytes(), threads
        for table, columns in first.samples.items():
            for column, values in columns.items():
                assert np.array_equal(values, again.samples[table][column], equal_nan=values.dtype.kind == "f"), table


def test_a_first_look_holds_the_first_worlds_and_changes_none():
    few = ["firms.initial.count=60", "firms.entry.organic.per_year=20", 'zone.end="2023Q4"', "facts=[]"]
    scenario = load_scenario(golden.ROOT / "scenarios" / "xian.toml", few)
    looks = []
    whole = simulate(scenario, 2 * FIRST_LOOK, 1, events=0, first_look=looks.append)
    plain = simulate(scenario, 2 * FIRST_LOOK, 1, events=0)
    assert len(looks) == 1
    assert np.array_equal(looks[0].values, plain.values[:, :FIRST_LOOK], equal_nan=True)
    assert np.array_equal(whole.values, plain.values, equal_nan=True)
    simulate(scenario, 2 * FIRST_LOOK - 1, 1, events=0, first_look=looks.append)
    assert len(looks) == 1


@pytest.mark.slow
def test_no_index_is_out_of_range_in_any_kind_of_scenario(tmp_path):
    """Compiled once more with every index checked, in a folder of its own: compiled code that does not check reads on
    silently into the next column."""
    environment = os.environ | {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": "."}
    command = [sys.executable, "-m", "tests.every_kind_of_scenario", "2"]
    done = subprocess.run(command, cwd=golden.ROOT, env=environment, capture_output=True, text=True, timeout=3600)
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(done.stdout.splitlines()) == len(every_kind_of_scenario.KINDS)


@pytest.mark.slow
def test_a_processor_that_fuses_nothing_counts_the_same_and_measures_the_same_to_1e_9(tmp_path):
    """Where this processor fuses, the bits differ, so that the comparison is one; what is counted is the same, and an
    amount agrees to 1e-9 of the largest of its metric."""
    environment = os.environ | {
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "",
        "NUMBA_CACHE_DIR": str(tmp_path),
        "PYTHONPATH": ".",
    }
    command = [sys.executable, "-m", "tests.another_processor", str(tmp_path / "there.npz")]
    done = subprocess.run(command, cwd=golden.ROOT, env=environment, capture_output=True, text=True, timeout=3600)
    assert done.returncode == 0, done.stderr[-2000:]
    there = np.load(tmp_path / "there.npz")
    differing = 0
    for name in another_processor.NAMES:
        ours, theirs = another_processor.worlds(name), there[name]
        metrics = small(name).metrics
        differing += int((ours != theirs)[~np.isnan(ours)].sum())
        assert np.array_equal(np.isnan(ours), np.isnan(theirs))
        for metric, a, b in zip(metrics, np.nan_to_num(ours), np.nan_to_num(theirs), strict=True):
            if metric.unit not in golden.MEASURED and np.array_equal(a, np.rint(a)):
                assert np.array_equal(a, b), (name, metric.name)
            else:
                assert np.abs(a - b).max() <= 1e-9 * np.abs(a).max(), (name, metric.name, np.abs(a - b).max())
    assert differing > 0 or not host_fuses()


def host_fuses() -> bool:
    from llvmlite import binding

    return bool(binding.get_host_cpu_features().get("fma"))


def test_checked_indices_are_noticed(tmp_path):
    """That the check above can fail: a kernel of ours that writes one past the end."""
    code = (
        "import numpy as np; from sim.model.jit import kernel, entry; import sim.model.table\n"
        "@kernel\ndef past(a):\n    a[len(a)] = 1.0\n"
        "past(np.zeros(3))"
    )
    environment = os.environ | {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=golden.ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "IndexError" in done.stderr
