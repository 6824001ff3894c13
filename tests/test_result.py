import csv
import warnings

import numpy as np
import pytest

from sim import netcdf
from sim.errors import UserError
from sim.model.metrics import Metric
from sim.result import FACT_COLUMNS, Result, ScoredFact
from tests import synthetic


@pytest.fixture(scope="module")
def result() -> Result:
    return synthetic.result(50)


@pytest.fixture
def saved(result, tmp_path):
    return result.save(tmp_path / "xian")


def test_a_saved_result_comes_back_the_same(result, saved):
    again = Result.load(saved)
    assert np.array_equal(again.values, result.values, equal_nan=True)
    assert (again.metrics, again.quarters, again.facts) == (result.metrics, result.quarters, result.facts)
    assert again.names == result.names
    assert again.manifest["seed"] == result.manifest["seed"]


def test_event_logs_come_back_with_their_undefined_numbers(result, saved):
    again = Result.load(saved).samples
    assert set(again) == set(result.samples)
    rounds = again["rounds"]
    assert list(rounds["firm"]) == ["eswin", "organic 12", "organic 9"]
    assert np.isnan(rounds["post_money"][2])
    assert len(again["flows"]["amount"]) == 0
    assert np.array_equal(again["multiples"]["multiple"], result.samples["multiples"]["multiple"])


def test_quantiles_equal_numpys_and_leave_out_undefined_replications(result):
    values = result["named.tangjing.valuation"].copy()
    values[: len(values) // 2, 20] = np.nan
    holed = Result([result.metric("named.tangjing.valuation")], result.quarters, values[None])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy warns of quarters with no value at all
        expected = np.nanquantile(values, (0.05, 0.5, 0.95), axis=0)
    found = holed.quantiles("named.tangjing.valuation", (0.05, 0.5, 0.95))
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert np.isnan(found[:, :8]).all()


def test_one_replication_is_its_own_quantiles():
    values = np.array([[[1.0, np.nan]]])
    one = Result([Metric("m", "firms", {"zh": "m", "en": "m"})], ["2020Q1", "2020Q2"], values)
    assert one.quantiles("m")[:, 0].tolist() == [1.0] * 5
    assert np.isnan(one.quantiles("m")[:, 1]).all()


def test_the_summary_has_a_row_for_every_metric_and_quarter(result, saved):
    with open(saved / "summary.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["metric", "quarter", "unit", "mean", "p05", "p25", "p50", "p75", "p95"]
    assert len(rows) == len(result.metrics) * len(result.quarters)
    row = next(r for r in rows if (r["metric"], r["quarter"]) == ("firms.alive", "2023Q4"))
    at = result["firms.alive"][:, result.quarters.index("2023Q4")]
    assert float(row["mean"]) == pytest.approx(at.mean(), rel=1e-10)
    assert float(row["p95"]) == pytest.approx(np.quantile(at, 0.95), rel=1e-10)
    undefined = next(r for r in rows if (r["metric"], r["quarter"]) == ("named.tangjing.valuation", "2019Q4"))
    assert undefined["mean"] == undefined["p50"] == ""


def test_facts_have_a_row_each_and_inputs_no_band(result, saved):
    with open(saved / "facts.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0])[: len(FACT_COLUMNS)] == FACT_COLUMNS
    assert [row["id"] for row in rows] == [fact.id for fact in result.facts]
    for row in rows:
        band = (row["p05"], row["p50"], row["p95"], row["inside"])
        assert band == ("", "", "", "") if row["use"] == "input" else row["inside"] in ("true", "false")


def test_the_ensemble_opens_with_xarray(result, saved):
    import xarray

    with xarray.open_dataset(saved / "ensemble.nc") as data:
        alive = data["firms.alive"]
        assert alive.dims == ("replication", "quarter")
        assert (alive.attrs["units"], alive.attrs["long_name_zh"]) == ("firms", "存续企业")
        np.testing.assert_array_equal(alive.values, result["firms.alive"])
        np.testing.assert_array_equal(alive.sel(quarter="2023Q4"), result["firms.alive"][:, 16])
        assert str(data["quarter_end"].values[0])[:10] == "2019-12-31"


def test_the_ensemble_opens_with_scipy_too(result, saved):
    from scipy.io import netcdf_file

    with netcdf_file(saved / "ensemble.nc", mmap=False) as file:
        np.testing.assert_array_equal(file.variables["jobs.total"].data, result["jobs.total"])


def test_netcdf_refuses_data_that_do_not_fit_their_dimensions(tmp_path):
    with pytest.raises(ValueError, match="shape"):
        netcdf.write(tmp_path / "a.nc", {"x": 3}, {"v": netcdf.Variable(("x",), np.zeros(2))}, {})


def test_labelled_arrays_share_the_numbers(result):
    data = result.to_xarray("zh")
    assert data["firms.alive"].attrs["long_name"] == "存续企业"
    assert data["firms.alive"].sel(quarter="2023Q4").shape == (50,)
    assert np.shares_memory(data["firms.alive"].values, result.values)


def test_an_unknown_metric_names_the_nearest(result):
    with pytest.raises(UserError, match=r"firms\.alive"):
        result["firms.alve"]
    assert "firms.alive" in result and "firms.alve" not in result


def test_an_unknown_quarter_says_which_there_are(result):
    with pytest.raises(UserError, match="2019Q4 to 2033Q4"):
        result.quarter("2050Q1")


def test_a_missing_result_names_its_nearest_neighbour(saved):
    with pytest.raises(UserError, match=r"no such result.*xian"):
        Result.load(saved.with_name("xain"))


def test_a_folder_that_is_no_result_is_told(tmp_path):
    with pytest.raises(UserError, match="not a result"):
        Result.load(tmp_path)


@pytest.mark.parametrize("name", ["ensemble.nc", "facts.csv"])
def test_a_missing_file_is_named(saved, name):
    (saved / name).unlink()
    with pytest.raises(UserError, match=rf"{name}.*missing"):
        Result.load(saved)


@pytest.mark.parametrize("keep", [0, 3, 100, 5000, -1])
def test_an_ensemble_cut_short_is_told_and_names_the_remedy(saved, keep):
    path = saved / "ensemble.nc"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"ensemble.nc.*damaged.*run the scenario again"):
        Result.load(saved)


@pytest.mark.parametrize("name", ["manifest.json", "facts.csv", "rounds.parquet"])
def test_a_file_of_rubbish_is_told(saved, name):
    path = saved / name
    start = b'{"program": "headwater"' if name == "manifest.json" else b""
    path.write_bytes(start + b"\xff\xfe rubbish \x00" * 20)
    with pytest.raises(UserError, match=rf"{name}.*damaged"):
        print(Result.load(saved).samples["rounds"])


def test_values_of_the_wrong_shape_are_refused():
    with pytest.raises(ValueError, match="2 metrics"):
        Result([Metric(n, "firms", {"zh": n, "en": n}) for n in "ab"], ["2020Q1"], np.zeros((1, 5, 1)))


def test_an_infinite_observed_value_survives_the_folder(result, tmp_path):
    fact = ScoredFact("f", "check", "firms.alive", "2020Q4", float("inf"), "firms", p05=1.5, inside=False)
    one = Result(result.metrics, result.quarters, result.values, facts=[fact])
    assert Result.load(one.save(tmp_path / "a")).facts == [fact]


def test_a_large_ensemble_is_written_within_the_time_of_a_breath(tmp_path):
    from time import process_time

    metrics = [Metric(f"m.{i}", "firms", {"zh": "m", "en": "m"}) for i in range(150)]
    large = Result(metrics, synthetic.quarters(), np.random.default_rng(1).normal(size=(150, 1000, 57)))
    best = min(_seconds(process_time, lambda: large._write_ensemble(tmp_path / "e.nc")) for _ in range(3))
    assert best < 1.0  # a tenth of that on an idle machine
    assert (tmp_path / "e.nc").stat().st_size == pytest.approx(150 * 1000 * 57 * 8, rel=0.01)


def _seconds(clock, work) -> float:
    begun = clock()
    work()
    return clock() - begun


def test_bounds_that_could_hardly_fail_are_counted_for_floors_and_ceilings_alike():
    from sim.measures import score_fact
    from sim.scoring import surely

    draws = np.linspace(5.0, 6.0, 200)

    def told(figure, bound):
        return surely([(bound or "exact", score_fact(figure, draws, bound).probability)], "en")

    assert "1 of them bounds" in told(20.0, "at_most") and "1 of them bounds" in told(1.0, "at_least")
    assert told(1.0, "at_most") == told(20.0, "at_least") == told(5.5, "at_most") == told(5.5, None) == ""
