"""R-hat, effective sample sizes and standard errors agree with arviz-stats; the checks say what is wrong and where."""

import logging

import arviz_stats
import numpy as np
import pytest
from arviz_stats.base import array_stats
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri

from pellucid.inference import estimators
from pellucid.inference.diagnose import bfmi, check, convergence, ess, eti, hdi, log_warnings, mcse, rhat
from pellucid.inference.trace import to_datatree

ESS_PROBS = {"tail": (0.05, 0.95), "quantile": 0.3, "local": (0.2, 0.6)}


def autoregressive(rng, coefficient, shape):
    noise = rng.normal(size=shape)
    for k in range(1, shape[1]):
        noise[:, k] += coefficient * noise[:, k - 1]
    return noise


def cases():
    rng = np.random.default_rng(20240)
    normal = rng.normal(size=(4, 250, 3))
    lone_nan = normal.copy()
    lone_nan[1, 17, 1] = np.nan
    infinite = normal.copy()
    infinite[0, 3, 0], infinite[2, 9, 2] = np.inf, -np.inf
    return {
        "normal": normal,
        "scalar": rng.normal(size=(4, 100)),
        "matrix": rng.normal(size=(2, 60, 2, 3)),
        "slow": autoregressive(rng, 0.95, (4, 500, 2)),
        "very slow": autoregressive(rng, 0.999, (3, 400, 2)),
        "antithetic": autoregressive(rng, -0.9, (4, 500, 2)),
        "single chain": rng.normal(size=(1, 201, 2)),
        "odd": autoregressive(rng, 0.5, (3, 333, 2)),
        "constant": np.full((4, 50, 2), 0.1),
        "stuck chains": np.arange(4.0)[:, None, None] + np.zeros((4, 50, 1)),
        "one stuck chain": np.where(np.arange(4)[:, None] == 2, 1.5, rng.normal(size=(4, 80))),
        "shifted": normal + np.arange(4)[:, None, None],
        "scaled": normal * np.arange(1, 5)[:, None, None],
        "heavy": rng.standard_cauchy(size=(4, 300, 2)),
        "binary": rng.integers(0, 2, size=(4, 100, 3)),
        "booleans": rng.random((4, 101, 2)) < 0.03,
        "counts": rng.poisson(2.0, size=(4, 100, 2)),
        "one nan": lone_nan,
        "all nan": np.full((4, 20), np.nan),
        "infinite": infinite,
        "mostly infinite": np.where(rng.random((4, 40)) < 0.6, np.inf, rng.normal(size=(4, 40))),
        "three draws": rng.normal(size=(4, 3, 2)),
        "four draws": rng.normal(size=(4, 4, 20)),
        "five draws": rng.normal(size=(2, 5, 20)),
        "eleven draws": autoregressive(rng, 0.8, (1, 11, 20)),
        "trend": np.linspace(0, 1, 200)[None, :, None] + 0.01 * rng.normal(size=(2, 200, 1)),
        "float32": rng.normal(size=(4, 100)).astype(np.float32),
        "huge": 1e200 * rng.normal(size=(4, 100)),
    }


CASES = cases()


def reference(function, x, **options):
    moved = np.moveaxis(np.asarray(x, dtype=float), (0, 1), (-2, -1))
    with np.errstate(all="ignore"):
        return np.asarray(getattr(array_stats, function)(moved, **options), dtype=float)


def assert_agree(ours, theirs, case):
    ours = np.asarray(ours)
    assert ours.shape == theirs.shape
    # Of chains that do not move the variance is zero up to rounding, and R-hat infinite up to rounding.
    diverged = (ours > 1e6) & (theirs > 1e6)
    np.testing.assert_allclose(np.where(diverged, 0, ours), np.where(diverged, 0, theirs), rtol=1e-9, err_msg=case)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("method", ["rank", "bulk", "folded", "split", "identity"])
def test_rhat_agrees_with_arviz(case, method):
    if case == "constant" and method in ("split", "identity"):
        pytest.skip("0 / 0 up to rounding")
    expected = reference("rhat", CASES[case], method="z_scale" if method == "bulk" else method)
    assert_agree(rhat(CASES[case], method), expected, case)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("method", list(estimators.ESS))
def test_ess_agrees_with_arviz(case, method):
    prob = ESS_PROBS.get(method)
    expected = reference("ess", CASES[case], method=method, prob=prob)
    assert_agree(ess(CASES[case], method, prob), expected, case)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("method", list(estimators.MCSE))
def test_mcse_agrees_with_arviz(case, method):
    if case == "constant" and method in ("mean", "sd"):
        assert not np.any(mcse(CASES[case], method) > 1e-15)
        return
    if case == "mostly infinite" and method != "mean":
        pytest.skip("a difference of infinities")
    prob = 0.3 if method == "quantile" else None
    assert_agree(mcse(CASES[case], method, prob), reference("mcse", CASES[case], method=method, prob=prob), case)


@pytest.mark.parametrize("case", [case for case in CASES if "nan" not in case and "infinite" not in case])
@pytest.mark.parametrize("prob", [0.1, 0.5, 0.94])
def test_intervals_agree_with_arviz(case, prob):
    x = np.asarray(CASES[case], dtype=float)
    moved = np.moveaxis(x, (0, 1), (-2, -1))
    np.testing.assert_array_equal(hdi(x, prob), array_stats.hdi(moved, prob, axis=(-2, -1)))
    np.testing.assert_allclose(eti(x, prob), array_stats.eti(moved, prob, axis=(-2, -1)), rtol=1e-13)


def test_intervals_hold_everything_and_nothing():
    x = np.random.default_rng(3).normal(size=(2, 50))
    for interval in (hdi, eti):
        np.testing.assert_array_equal(interval(x, 1.0), [x.min(), x.max()])
    assert np.isnan(hdi(np.where(x > 1, np.nan, x))).all()


@pytest.mark.parametrize("case", CASES)
def test_convergence_is_the_three_separate_results(case):
    together = convergence(CASES[case])
    for ours, alone in zip(together, (rhat, ess, lambda x: ess(x, "tail")), strict=True):
        np.testing.assert_array_equal(ours, alone(CASES[case]))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4), st.integers(4, 30), st.integers(0, 2**32 - 1), st.floats(-0.99, 0.99), st.integers(0, 3))
def test_agrees_on_short_rounded_chains(chains, draws, seed, coefficient, decimals):
    x = autoregressive(np.random.default_rng(seed), coefficient, (chains, draws)).round(decimals)
    assert_agree(ess(x), reference("ess", x, method="bulk"), "bulk")
    assert_agree(ess(x, "tail"), reference("ess", x, method="tail", prob=(0.05, 0.95)), "tail")
    with np.errstate(all="ignore"):
        expected = reference("rhat", x)
    assert_agree(rhat(x), expected, "rhat")


def test_blocks_and_threads_do_not_change_results(monkeypatch):
    x = autoregressive(np.random.default_rng(5), 0.7, (2, 101, 37))
    x[0, 0, 8] = np.nan
    whole = convergence(x)
    monkeypatch.setattr(estimators, "BLOCK_VALUES", 1000)
    for ours, expected in zip(convergence(x), whole, strict=True):
        np.testing.assert_array_equal(ours, expected)
    monkeypatch.setattr(estimators, "MAXIMUM_THREADS", 1)
    np.testing.assert_array_equal(rhat(x), whole.rhat)


def test_memory_layout_does_not_matter():
    x = np.random.default_rng(6).normal(size=(3, 5, 80, 4))
    np.testing.assert_array_equal(ess(x.transpose(3, 2, 0, 1)), ess(np.ascontiguousarray(x.transpose(3, 2, 0, 1))))


@pytest.mark.parametrize("exponent", [-400, -70, 0, 400])
def test_ess_does_not_depend_on_the_scale(exponent):
    """A variable of size 1e-20 is not constant; arviz-stats compares with an absolute 1e-15."""
    x = autoregressive(np.random.default_rng(7), 0.9, (4, 200))
    for method in ("bulk", "tail", "mean"):
        assert ess(x * 2.0**exponent, method) == pytest.approx(ess(x, method), rel=1e-9)


def test_independent_draws_count_as_themselves():
    x = np.random.default_rng(8).normal(size=(4, 2000, 50))
    assert np.mean(ess(x, "mean")) == pytest.approx(8000, rel=0.03)
    assert np.max(rhat(x)) < 1.01


@pytest.mark.parametrize("coefficient", [-0.5, 0.5, 0.9])
def test_ess_of_an_autoregressive_process_is_known(coefficient):
    x = autoregressive(np.random.default_rng(9), coefficient, (4, 4000, 40))
    exact = 16000 * (1 - coefficient) / (1 + coefficient)
    assert np.mean(ess(x, "mean")) == pytest.approx(exact, rel=0.06)


def test_normal_scores_are_normal_quantiles():
    for size in (2, 7, 4000):
        ranks = np.arange(1, size + 0.5, 0.5)
        np.testing.assert_allclose(
            estimators._normal_scores(size), ndtri((ranks - 0.375) / (size + 0.25)), rtol=1e-13, atol=1e-15
        )


@given(st.integers(1, 20000))
def test_fast_length_is_smooth_and_least(minimum):
    length = estimators._fast_length(minimum)
    smooth = [2**a * 3**b * 5**c for a in range(16) for b in range(10) for c in range(7)]
    assert length == min(n for n in smooth if n >= minimum)


def test_empty_events_and_scalars():
    assert rhat(np.zeros((4, 10, 0))).shape == (0,)
    assert isinstance(ess(np.random.default_rng(0).normal(size=(4, 10))), float)
    assert np.isnan(ess(np.zeros((4, 0))))
    assert np.isnan(rhat(np.zeros((0, 10, 2)))).all()


def test_wrong_arguments_are_explained():
    x = np.zeros((2, 10))
    with pytest.raises(ValueError, match=r"shape \(10,\).*x\[None\]"):
        rhat(x[0])
    with pytest.raises(TypeError, match="complex128"):
        ess(x + 1j)
    with pytest.raises(ValueError, match="'spam'; choose one of bulk, tail"):
        ess(x, "spam")
    with pytest.raises(ValueError, match="needs prob"):
        ess(x, "quantile")
    with pytest.raises(ValueError, match="takes no prob"):
        ess(x, "mean", 0.5)
    with pytest.raises(ValueError, match="needs 2 number"):
        ess(x, "local", 0.5)
    with pytest.raises(ValueError, match=r"between 0 and 1, got 1\.5"):
        mcse(x, "quantile", 1.5)


def test_bfmi_agrees_with_arviz():
    energy = autoregressive(np.random.default_rng(1), 0.8, (3, 200))
    np.testing.assert_allclose(bfmi(energy), array_stats.bfmi(energy), rtol=1e-12)
    assert np.isnan(bfmi(np.zeros((2, 1)))).all()


def good():
    return np.random.default_rng(11).normal(size=(4, 500, 3))


def test_nothing_to_say_about_a_good_run():
    stats = {
        "diverging": np.zeros((4, 500), bool),
        "reached_max_treedepth": np.zeros((4, 500), bool),
        "energy": good()[..., 0],
    }
    constant = np.ones((4, 500))
    assert check({"x": good(), "constant": constant}, stats) == []


def test_divergences_are_counted_by_chain():
    diverging = np.zeros((4, 500), bool)
    diverging[1, :2] = diverging[3, 5] = True
    (message,) = check({"x": good()}, {"diverging": diverging})
    assert message.startswith("3 of 2000 draws diverged (2 in chain 1, 1 in chain 3)")
    assert "target_accept" in message


def test_tree_depth_is_reported_above_a_twentieth():
    reached = np.zeros((4, 500), bool)
    reached[0, :20] = True
    assert check({"x": good()}, {"reached_max_treedepth": reached}) == []
    reached[0, :100] = True
    (message,) = check({"x": good()}, {"reached_max_treedepth": reached})
    assert "5 % of the trajectories (20 % in chain 0)" in message


def test_low_energy_change_is_reported():
    energy = good()[..., 0]
    energy[2] = np.cumsum(energy[2])
    (message,) = check({"x": good()}, {"energy": energy})
    assert "BFMI below 0.3: 0.0" in message
    assert "in chain 2)" in message


def test_bad_elements_are_named_worst_first():
    x = good()
    x[0, :, 2] += 5
    x[0, :, 0] += 1
    high, low = check({"x": x, "y": good()}, coords={"place": ["A", "B", "C"]}, dims={"x": ["place"]})
    assert high.startswith("R-hat is above 1.01 for 2 of 6 elements: x[C] (")
    assert ", x[A] (" in high
    assert low.startswith("The effective sample size is below 400 (100 per chain) for 2 of 6 elements: x[C] (")


def test_long_lists_are_cut():
    (message, _) = check({"x": np.arange(4)[:, None, None] + np.random.default_rng(0).normal(size=(4, 200, 9))})
    assert "x[" in message
    assert message.count("x[") == 5
    assert "and 4 more" in message


def test_nan_few_draws_and_single_chains_are_said():
    x = good()
    x[0, 3, 1] = np.nan
    (message,) = check({"x": x})
    assert message.startswith("1 of 3 elements have draws that are not a number: x[1]")
    assert "Each chain has 50 draws" in check({"x": good()[:, :50]})[0]
    (message,) = check({"x": good()[:1]})
    assert message.startswith("Only one chain")
    assert check({}) == []


def test_messages_go_to_the_logger(caplog):
    with caplog.at_level(logging.WARNING, logger="pellucid"):
        log_warnings(["100 % wrong", "more"])
    assert [record.getMessage() for record in caplog.records] == ["100 % wrong", "more"]
    assert {record.name for record in caplog.records} == {"pellucid"}


@pytest.mark.parametrize("function", [ess, rhat, mcse, hdi, eti], ids=lambda f: f.__name__)
def test_of_whole_results_every_variable_is_judged(function):
    rng = np.random.default_rng(1)
    draws = {"mu": rng.normal(size=(2, 50, 3)), "tau": rng.normal(size=(2, 50))}
    tree = to_datatree({"posterior": draws}, coords={"k": list("abc")}, dims={"mu": ["k"]})
    plain = function(draws)
    assert list(plain) == ["mu", "tau"]
    for results in (tree, tree["posterior"].to_dataset(), tree["posterior"].to_dataset().transpose()):
        found = function(results)
        for name, array in draws.items():
            np.testing.assert_array_equal(found[name].values, function(array))
            np.testing.assert_array_equal(plain[name], function(array))
        assert found["mu"]["k"].values.tolist() == list("abc")
        assert list(function(results, var_names="tau").data_vars) == ["tau"]
        assert found["mu"].dims == (("k", "ci_bound") if function in (hdi, eti) else ("k",))
    theirs = getattr(arviz_stats, function.__name__)(tree, **({"prob": 0.94} if function in (hdi, eti) else {}))
    np.testing.assert_allclose(found["mu"].values, theirs["mu"].values, rtol=1e-10)
    with pytest.raises(ValueError, match="no variables nu; it has mu, tau"):
        function(tree, var_names=["nu"])
    with pytest.raises(TypeError, match="var_names chooses from a result"):
        function(draws["mu"], var_names="mu")
    with pytest.raises(ValueError, match=r"has the groups prior.*result\['prior'\]"):
        function(to_datatree({"prior": draws}))
