"""A few hundred of the inputs that `make fuzz` tries by the ten thousand, and texts that Hypothesis invents."""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import fuzzing
from tests.conftest import tried
from tests.tiny import headwater

SOME = {"scenario": 80, "override": 50, "portfolio": 30, "run": 24, "case": 50, "http": 66}
PART = 0.4  # of them in `make test`


@pytest.fixture(scope="module")
def desk():
    made = fuzzing.Desk()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [
        *((kind, range(round(PART * many))) for kind, many in SOME.items()),
        *(
            pytest.param(kind, range(round(PART * many), many), marks=pytest.mark.slow, id=f"{kind}-more")
            for kind, many in SOME.items()
        ),
    ],
)
def test_a_mutated_input_ends_as_a_valid_run_or_a_message_with_its_place(desk, kind, numbers):
    os.chdir(desk.folder)
    try:
        statuses = set()
        for number in numbers:
            _, what, wrong, status = fuzzing.one(desk, 7, number, {kind: 1})
            assert not wrong, f"{number}: {wrong}\n{what[:2000]}"
            statuses.add(status)
        assert {0, 2} <= statuses  # some stay valid, some are refused: both ways are tried
    finally:
        os.chdir(desk.before)


@settings(tried(30), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.text(max_size=30), value=st.text(max_size=30))
def test_any_override_is_read_or_refused(desk, path, value):
    os.chdir(desk.folder)
    try:
        ended = headwater("check", "tiny.toml", f"--set={path}={value}")
        assert ended.clear, (path, value, ended)
    finally:
        os.chdir(desk.before)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200))
def test_any_bytes_are_a_scenario_or_refused_by_their_file(desk, data):
    os.chdir(desk.folder)
    try:
        (desk.folder / "any.toml").write_bytes(data)
        ended = headwater("check", "any.toml")
        assert ended.clear and (ended.status == 0 or "any.toml" in ended.err), (data, ended)
    finally:
        os.chdir(desk.before)
