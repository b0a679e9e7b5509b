"""The step size reaches its target, the metric learns the scales, and both keep to the timetable of tuning."""

import math

import numpy as np
import pytest

from inference.densities import compiled, correlated_gaussian, gaussian, independent_gaussian
from pellucid.compile.llvm.kernel_language import compile_kernels
from pellucid.inference.adapt import metric, step_size, warmup
from pellucid.inference.chains import run_chains
from pellucid.inference.hamiltonian import layout, nuts
from pellucid.inference.hamiltonian.rng import chain_keys

ENTRIES = [
    nuts.start_chain, step_size.find_step_size, step_size.restart_averaging, step_size.average_step_size,
    metric.start_metric, metric.learn_state, metric.replace_foreground, metric.update_metric, warmup.adapt,
]  # fmt: skip


@pytest.fixture(scope="module")
def library():
    return compile_kernels(*ENTRIES)


@pytest.fixture(params=["plain", "compiled"])
def run(request, library):
    """A kernel by name, either way."""
    return {k.name: k for k in ENTRIES} if request.param == "plain" else library


def vectors(state, d):
    return state.workspace.reshape(-1, d)


# ---- step size


def test_dual_averaging_finds_the_step_with_the_target_acceptance(run):
    scalars = np.zeros(layout.SCALAR_CELLS)
    random = np.random.default_rng(1)
    run["restart_averaging"](scalars, 0.01)
    for _ in range(3000):
        acceptance = math.exp(-scalars[layout.STEP_SIZE]) * random.uniform(0.9, 1.1)
        run["average_step_size"](scalars, acceptance, 0.8)
    assert math.exp(-math.exp(scalars[layout.LOG_STEP_SIZE_BAR])) == pytest.approx(0.8, abs=0.01)


def test_dual_averaging_follows_its_formula(run):
    scalars = np.zeros(layout.SCALAR_CELLS)
    run["restart_averaging"](scalars, 0.5)
    error, bar = 0.0, math.log(0.5)
    for t, acceptance in enumerate([0.3, 0.9, 1.0, 0.0], start=1):
        run["average_step_size"](scalars, acceptance, 0.8)
        error = (1 - 1 / (t + 10)) * error + (0.8 - acceptance) / (t + 10)
        log_step = math.log(5.0) - math.sqrt(t) / 0.05 * error
        bar = t**-0.75 * log_step + (1 - t**-0.75) * bar
        assert scalars[layout.STEP_SIZE] == pytest.approx(math.exp(log_step), rel=1e-12)
        assert scalars[layout.LOG_STEP_SIZE_BAR] == pytest.approx(bar, rel=1e-12)


def test_extreme_acceptance_leaves_a_positive_finite_step(run):
    for acceptance in (0.0, 1.0):
        scalars = np.zeros(layout.SCALAR_CELLS)
        run["restart_averaging"](scalars, 0.1)
        for _ in range(3000):
            run["average_step_size"](scalars, acceptance, 0.8)
        assert 0.0 < scalars[layout.STEP_SIZE] < math.inf


@pytest.mark.parametrize("sd", [1e-6, 1.0, 1e6])
def test_first_step_size_is_of_the_order_of_the_scale(library, sd):
    data = np.array([1.0, 0.0, sd**-2.0])
    state = nuts.new_state([sd], 5, [1, 2])
    arguments = (compiled(gaussian).address, data.ctypes.data, 0.8, state.workspace, state.scalars, state.stream, 1)
    assert library["start_chain"](*arguments) == 0
    vectors(state, 1)[layout.SCALE] = 1.0
    assert library["find_step_size"](*arguments) == 0
    assert 0.05 * sd < state.scalars[layout.STEP_SIZE] < 20 * sd


def test_a_search_that_never_succeeds_ends(run):
    state = nuts.new_state([0.5], 5, [1, 2])
    vectors(state, 1)[layout.SCALE] = 1.0

    def failing(x, logp, gradient, context):
        return 1

    if isinstance(run["find_step_size"], type(step_size.find_step_size)):
        arguments = (failing, None, 0.8, state.workspace, state.scalars, state.stream, 1)
        assert run["find_step_size"](*arguments) == 0
        assert state.scalars[layout.STEP_SIZE] == step_size.FIRST_STEP_SIZE


def test_an_exception_in_the_density_ends_the_search():
    state = nuts.new_state([0.5], 5, [1, 2])
    vectors(state, 1)[layout.SCALE] = 1.0
    arguments = (lambda *_: -5, None, 0.8, state.workspace, state.scalars, state.stream, 1)
    assert step_size.find_step_size(*arguments) == -5


# ---- metric


def test_metric_is_made_of_the_variances_of_draws_and_gradients(run):
    d, n = 4, 25
    random = np.random.default_rng(3)
    draws, gradients = 1e3 + random.normal(size=(n, d)), random.normal(size=(n, d)) * [1e-3, 1, 10, 1e4]
    state = nuts.new_state(draws[0], 3, [1, 2])
    w = vectors(state, d)
    w[layout.GRADIENT] = gradients[0]
    run["start_metric"](state.workspace, state.scalars, d)
    np.testing.assert_allclose(w[layout.SCALE] ** 2, 1 / abs(gradients[0]))
    for x, g in zip(draws[1:], gradients[1:], strict=True):
        w[layout.POSITION], w[layout.GRADIENT] = x, g
        run["learn_state"](state.workspace, state.scalars, d)
    run["update_metric"](state.workspace, d)
    expected = np.sqrt(draws.var(0) / gradients.var(0))
    np.testing.assert_allclose(w[layout.SCALE] ** 2, expected, rtol=1e-9)


def test_background_replaces_foreground(run):
    d = 2
    random = np.random.default_rng(4)
    state = nuts.new_state(random.normal(size=d), 3, [1, 2])
    w = vectors(state, d)
    w[layout.GRADIENT] = 1.0
    run["start_metric"](state.workspace, state.scalars, d)
    states = random.normal(size=(20, 2, d))
    for k, (x, g) in enumerate(states):
        if k in (5, 12):
            run["replace_foreground"](state.workspace, state.scalars, d)
        w[layout.POSITION], w[layout.GRADIENT] = x, g
        run["learn_state"](state.workspace, state.scalars, d)
    assert state.scalars[layout.FOREGROUND_COUNT] == 15
    assert state.scalars[layout.BACKGROUND_COUNT] == 8
    run["update_metric"](state.workspace, d)
    seen = states[5:]
    np.testing.assert_allclose(w[layout.SCALE] ** 2, np.sqrt(seen[:, 0].var(0) / seen[:, 1].var(0)), rtol=1e-9)


def test_flat_constant_and_extreme_states_give_a_usable_metric(run):
    d = 4
    state = nuts.new_state(np.zeros(d), 3, [1, 2])
    w = vectors(state, d)
    w[layout.GRADIENT] = [0.0, 1e-300, 1e300, -2.0]
    run["start_metric"](state.workspace, state.scalars, d)
    np.testing.assert_allclose(w[layout.SCALE] ** 2, [1.0, 1.0, 1e-20, 0.5])
    for k in range(5):
        w[layout.POSITION] = [1.0, k, k * 1e200, k * 1e-30]
        w[layout.GRADIENT] = [k, 1.0, k, k]
        with np.errstate(over="ignore", invalid="ignore"):
            run["learn_state"](state.workspace, state.scalars, d)
    with np.errstate(invalid="ignore"):
        run["update_metric"](state.workspace, d)
    assert np.isfinite(w[layout.SCALE]).all()
    assert (w[layout.SCALE] >= 1e-10).all()
    assert (w[layout.SCALE] <= 1e10).all()


# ---- timetable


def test_timetable(run):
    """When estimators change, when the metric moves and when averaging restarts, seen from outside."""
    d, tune = 2, 400
    mean, _, data = correlated_gaussian(d)
    plain = isinstance(run["adapt"], type(warmup.adapt))

    def density(x, logp, gradient, context):
        return gaussian(x, logp, gradient, data)

    target = (density, None) if plain else (compiled(gaussian).address, data.ctypes.data)
    random = np.random.default_rng(6)
    state = nuts.new_state(mean + 1, 3, [1, 2])
    w, s = vectors(state, d), state.scalars
    assert run["start_chain"](*target, 0.8, state.workspace, s, state.stream, d) == 0
    switches, moves, restarts = [], [], []
    for iteration in range(tune):
        w[layout.POSITION], w[layout.GRADIENT] = random.normal(size=(2, d))
        s[layout.ACCEPTANCE], s[layout.SYMMETRIC_ACCEPTANCE] = 0.9, 0.7
        before = s.copy(), w[layout.SCALE].copy()
        assert run["adapt"](*target, iteration, tune, 0.8, state.workspace, s, state.stream, d) == 0
        if s[layout.BACKGROUND_COUNT] < before[0][layout.BACKGROUND_COUNT]:
            switches.append(iteration)
        if (w[layout.SCALE] != before[1]).any():
            moves.append(iteration)
        if s[layout.UPDATES] == 0:
            restarts.append(iteration)
    early = [k for k in switches if k < 120]
    assert np.diff(early).tolist() == [10] * (len(early) - 1)
    late = [k for k in switches if k >= 120]
    assert np.diff([early[-1], *late]).tolist() == [80] * len(late)
    assert late[-1] <= 340 - 80
    assert moves == list(range(1, 340))
    assert restarts == [1, tune - 1]
    assert s[layout.STEP_SIZE] == pytest.approx(math.exp(before[0][layout.LOG_STEP_SIZE_BAR]), rel=0.2)


def test_states_kept_by_an_early_divergence_are_not_learnt(run):
    state = nuts.new_state([0.5], 3, [1, 2])
    s = state.scalars
    vectors(state, 1)[layout.GRADIENT] = -0.5
    run["start_metric"](state.workspace, s, 1)
    run["restart_averaging"](s, 0.1)
    for index, count in ((0, 1), (3, 1), (-5, 2)):
        s[layout.DIVERGED_HERE], s[layout.INDEX] = 1.0, index
        assert run["adapt"](0, 0, 1, 100, 0.8, state.workspace, s, state.stream, 1) == 0
        assert s[layout.FOREGROUND_COUNT] == count


def tuned(density, data, d, tune, seed=2, **options):
    keys = chain_keys(seed, 2)
    starts = np.random.default_rng(seed).normal(size=(2, d))
    contexts = [data.ctypes.data] * 2
    return run_chains(compiled(density).address, contexts, d, starts, 200, tune, keys=keys, **options)


def test_metric_learns_scales_over_twelve_orders_of_magnitude():
    sd = np.logspace(-6, 6, 7)
    result = tuned(gaussian, independent_gaussian(sd), 7, 400)
    np.testing.assert_allclose(np.sqrt(result.inverse_mass) / sd, 1.0, atol=0.15)
    assert (result.step_size > 0.3).all()
    assert result.statistics["n_steps"].mean() < 16


@pytest.mark.parametrize("target", [0.6, 0.8, 0.95])
def test_acceptance_meets_its_target(target):
    _, _, data = correlated_gaussian(6)
    result = tuned(gaussian, data, 6, 1500, target_accept=target)
    # What tuning aims at is the symmetric rate, which is lower than the plain one for few and large errors.
    assert result.statistics["acceptance_rate"].mean() == pytest.approx(target, abs=0.08)


@pytest.mark.parametrize("tune", [0, 1, 2, 3, 5, 10, 30])
def test_short_tuning_is_no_error(tune):
    _, _, data = correlated_gaussian(3)
    result = tuned(gaussian, data, 3, tune)
    assert result.status.tolist() == [0, 0]
    assert (result.step_size > 0).all()
    assert np.isfinite(result.draws).all()
