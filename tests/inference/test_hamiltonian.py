"""Random numbers, integrator, trajectories and transitions of Hamiltonian Monte Carlo, plain and compiled."""

import functools
import math

import numpy as np
import pytest
from scipy import integrate, stats

from inference.densities import SCHOOLS, compiled, correlated_gaussian, eight_schools, funnel, gaussian
from pellucid.compile.llvm.kernel_language import (
    IntArray,
    compile_kernels,
    i64,
    kernel,
    shift_right_logical,
)
from pellucid.inference import diagnose
from pellucid.inference.chains import run_chains
from pellucid.inference.hamiltonian import layout, nuts, rng
from pellucid.inference.hamiltonian.integrator import leapfrog
from pellucid.inference.hamiltonian.metric import draw_momentum
from pellucid.inference.hamiltonian.rng import chain_keys
from pellucid.inference.hamiltonian.trajectory import MAX_ENERGY_ERROR, grow, join_trees


@kernel
def fill_words(stream: IntArray, out: IntArray, n: i64) -> None:
    for i in range(n):
        out[i] = rng.next_word(stream)


ENTRIES = [
    fill_words, rng.fill_uniform, rng.fill_normal, leapfrog, draw_momentum, grow, join_trees,
    nuts.transition, nuts.start_chain,
]  # fmt: skip


@pytest.fixture(scope="module")
def library():
    return compile_kernels(*ENTRIES)


@pytest.fixture(params=["plain", "compiled"])
def run(request, library):
    """A kernel by name, either way."""
    return {k.name: k for k in ENTRIES} if request.param == "plain" else library


# ---- random numbers


@pytest.mark.parametrize("key", [[0, 0], [1, 2], [2**64 - 1, 2**63], [0x9E3779B97F4A7C15, 12345]])
def test_words_are_those_of_numpy(run, key):
    out = np.empty(103, np.int64)
    run["fill_words"](rng.new_stream(key), out, 103)
    expected = np.random.Philox(key=np.array(key, np.uint64)).random_raw(103)
    np.testing.assert_array_equal(out.view(np.uint64), expected)


def test_counter_carries_into_the_next_word(run):
    stream = rng.new_stream([5, 6])
    stream[rng.COUNTER : rng.COUNTER + 4] = [-2, -1, -1, 0]
    out = np.empty(12, np.int64)
    run["fill_words"](stream, out, 12)
    counter = np.array([2**64 - 2, 2**64 - 1, 2**64 - 1, 0], np.uint64)
    expected = np.random.Philox(key=np.array([5, 6], np.uint64), counter=counter).random_raw(12)
    np.testing.assert_array_equal(out.view(np.uint64), expected)
    assert stream[rng.COUNTER : rng.COUNTER + 4].tolist() == [1, 0, 0, 1]


def test_uniform_numbers(run):
    n = 2000
    out = np.empty(n)
    run["fill_uniform"](rng.new_stream([1, 1]), out, n)
    words = np.random.Philox(key=np.array([1, 1], np.uint64)).random_raw(n)
    np.testing.assert_array_equal(out, ((words >> np.uint64(12)).astype(float) + 0.5) * 2.0**-52)
    assert (out > 0.0).all()
    assert (out < 1.0).all()


def test_extreme_words_stay_inside_the_unit_interval():
    for word in (0, -1):
        value = (float(shift_right_logical(word, 12)) + 0.5) * 2.0**-52
        assert 0.0 < value < 1.0


@pytest.mark.parametrize("n", [0, 1, 2, 3, 7, 500])
def test_normal_numbers_are_those_of_box_and_muller(run, n):
    stream, out = rng.new_stream([3, 4]), np.full(n + 1, np.nan)
    run["fill_normal"](stream, out, n)
    u = np.empty(n + n % 2)
    rng.fill_uniform(rng.new_stream([3, 4]), u, len(u))
    half = n // 2
    radius, angle = np.sqrt(-2 * np.log(u[:half])), 2 * np.pi * (u[half : 2 * half] - 0.5)
    expected = [*(radius * np.cos(angle)), *(radius * np.sin(angle))]
    if n % 2:
        expected.append(math.sqrt(-2 * math.log(u[-2])) * math.cos(2 * math.pi * (u[-1] - 0.5)))
    np.testing.assert_allclose(out[:n], expected, rtol=1e-14, atol=4e-15)
    assert np.isnan(out[n])
    assert run["fill_normal"](stream, out, n) is None
    assert n == 0 or (out[:n] != expected).all()


def test_normal_numbers_are_normal(library):
    n = 200_001
    z = np.empty(n)
    library["fill_normal"](rng.new_stream([3, 5]), z, n)
    assert stats.kstest(z, "norm").pvalue > 1e-4
    assert abs(np.corrcoef(z[:-1], z[1:])[0, 1]) < 5 / math.sqrt(n)
    half = n // 2
    assert abs(np.corrcoef(z[:half], z[half : 2 * half])[0, 1]) < 5 / math.sqrt(half)
    assert abs(np.corrcoef(z[:half] ** 2, z[half : 2 * half] ** 2)[0, 1]) < 5 / math.sqrt(half)
    assert abs((z**4).mean() - 3) < 5 * math.sqrt(96 / n)


def test_a_key_is_two_words():
    with pytest.raises(ValueError, match="a Philox key is two 64-bit integers"):
        rng.new_stream([1, 2, 3])


# ---- integrator and metric


def quartic(x, logp, gradient, context):
    x = np.asarray(x)
    logp[0] = -0.25 * (x**4).sum()
    np.asarray(gradient)[:] = -(x**3)
    return 0


def integrate_path(step, n, q, p, scale, density=quartic):
    """Positions, momenta and energies along a path of plain leapfrog steps."""
    q, p, d = q.copy(), p.copy(), len(q)
    g, out = np.zeros(d), np.zeros(2)
    density(q, out, g, None)
    path = [(q.copy(), p.copy(), 0.5 * (p * p).sum() - out[0])]
    for _ in range(n):
        new = np.empty(d)
        assert leapfrog(density, None, step, q, g, p, new, scale, out, d) == 0
        p = new
        path.append((q.copy(), p.copy(), out[1]))
    return path


def test_leapfrog_is_reversible():
    q, p, scale = np.array([0.3, -1.2]), np.array([1.0, 0.4]), np.array([2.0, 0.5])
    there = integrate_path(0.1, 20, q, p, scale)[-1]
    back = integrate_path(-0.1, 20, there[0], there[1], scale)[-1]
    np.testing.assert_allclose(back[0], q, atol=1e-13)
    np.testing.assert_allclose(back[1], p, atol=1e-13)


def test_leapfrog_is_of_second_order():
    q, p, scale = np.array([0.3, -1.2]), np.array([1.0, 0.4]), np.array([2.0, 0.5])
    errors = []
    for n in (50, 100, 200):
        path = integrate_path(1.0 / n, n, q, p, scale)
        errors.append(abs(path[-1][2] - path[0][2]))
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.1)
    assert errors[1] / errors[2] == pytest.approx(4.0, rel=0.1)


def test_a_failing_density_has_infinite_energy():
    q, p, out = np.zeros(1), np.ones(1), np.zeros(2)
    arguments = (0.1, q, np.zeros(1), p, np.zeros(1), np.ones(1), out, 1)
    assert leapfrog(lambda *_: 3, None, *arguments) == 0
    assert out[1] == math.inf
    assert leapfrog(lambda *_: -7, None, *arguments) == -7


def test_momenta_are_standard_normal(run):
    p = np.empty(3)
    stream = rng.new_stream([8, 9])
    draws = []
    for _ in range(400):
        kinetic = run["draw_momentum"](stream, p, 3)
        assert kinetic == pytest.approx(0.5 * (p * p).sum())
        draws.append(p.copy())
    assert stats.chi2(400).cdf((np.array(draws) ** 2).sum(0)) == pytest.approx(0.5, abs=0.4999)


# ---- trajectories, against a recursive definition


def turns(momenta):
    """Whether the tree of these states, or one inside it, turns back: the definition, by recursion."""
    n = len(momenta)
    if n == 1:
        return False
    half = n // 2
    spans = [(0, n)] if n == 2 else [(0, n), (0, half + 1), (half - 1, n)]
    for a, b in spans:
        part = momenta[a:b]
        way = part.sum(0) - 0.5 * (part[0] + part[-1])
        if part[0] @ way <= 0.0 or part[-1] @ way <= 0.0:
            return True
    return turns(momenta[:half]) or turns(momenta[half:])


def first_turn(momenta):
    """How many states a tree has when it is noticed that it, or a tree inside it, turns."""
    for n in range(2, len(momenta) + 1):
        size = 2
        while n % size == 0:
            if turns(momenta[n - size : n]):
                return n
            size *= 2
    return None


def grow_from(run, density, context, step, depth, q, p, scale, key=(1, 2)):
    """Grow a tree of 2**depth states; returns its ending and the state."""
    d = len(q)
    state = nuts.new_state(q, depth + 1, key)
    w = state.workspace.reshape(-1, d)
    out = np.zeros(1)
    density(q, out, w[layout.GRADIENT], context)
    w[layout.FORWARD_POSITION], w[layout.FORWARD_GRADIENT], w[layout.FORWARD_MOMENTUM] = q, w[layout.GRADIENT], p
    w[layout.SCALE] = scale
    state.scalars[layout.START_ENERGY] = 0.5 * (p * p).sum() - out[0]
    ended = run["grow"](
        *(gaussian_call(density, context, run)), step, 2**depth, w[layout.FORWARD_POSITION], w[layout.FORWARD_GRADIENT],
        w[layout.FORWARD_MOMENTUM], 0, state.workspace, state.slots, state.scalars, state.stream, d,
    )  # fmt: skip
    return ended, state


def gaussian_call(density, context, run):
    """The density as the plain or the compiled kernels take it."""
    if isinstance(run["grow"], type(grow)):
        return density, context
    return compiled(density).address, context.ctypes.data


@pytest.mark.parametrize("seed", range(12))
def test_trees_turn_where_the_definition_says(run, seed):
    mean, _, data = correlated_gaussian(4)
    random = np.random.default_rng(seed)
    q, p, scale = mean + random.normal(size=4), random.normal(size=4), np.exp(0.5 * random.normal(size=4))
    step = (0.2 + 0.5 * random.uniform()) * (-1) ** seed
    path = integrate_path(step, 32, q, p, scale, functools.partial(with_context, gaussian, data))
    momenta = np.array([state[1] for state in path[1:]])
    for depth in range(6):
        noticed = first_turn(momenta[: 2**depth])
        ended, state = grow_from(run, gaussian, data, step, depth, q, p, scale)
        assert state.scalars[layout.STEPS] == (noticed or 2**depth)
        assert ended == (layout.GROWN if noticed is None else layout.TURNED)
        if noticed is None and depth:
            w = state.workspace.reshape(-1, 4)
            at = layout.SLOTS_PER_LEVEL * depth
            kept = [w[state.slots[slot + at]] for slot in (layout.FIRST, layout.LAST, layout.SUM)]
            n = 2**depth
            np.testing.assert_allclose(kept, [momenta[0], momenta[n - 1], momenta[:n].sum(0)], rtol=1e-9, atol=1e-9)


def with_context(density, data, x, logp, gradient, _context):
    return density(x, logp, gradient, data)


def test_candidates_are_drawn_by_their_weight(library):
    mean, _, data = correlated_gaussian(3)
    random = np.random.default_rng(5)
    q, p, scale, step = mean + random.normal(size=3), random.normal(size=3), np.ones(3), 0.35
    path = integrate_path(step, 8, q, p, scale, functools.partial(with_context, gaussian, data))
    energies = np.array([state[2] for state in path])
    weights = np.exp(energies[0] - energies[1:])
    assert first_turn(np.array([state[1] for state in path[1:]])) is None
    assert weights.max() / weights.min() > 1.3  # otherwise the test would say nothing
    counts = np.zeros(8)
    for trial in range(4000):
        ended, state = grow_from(library, gaussian, data, step, 3, q, p, scale, key=(trial, 77))
        assert ended == layout.GROWN
        index = int(state.scalars[layout.CANDIDATE_INDEX])
        counts[index - 1] += 1
        assert state.scalars[layout.CANDIDATE_ENERGY] == pytest.approx(energies[index], rel=1e-12)
        np.testing.assert_allclose(
            state.workspace.reshape(-1, 3)[layout.CANDIDATE_POSITION], path[index][0], rtol=1e-12
        )
    assert stats.chisquare(counts, 4000 * weights / weights.sum()).pvalue > 1e-4
    assert state.scalars[layout.CANDIDATE_WEIGHT] == pytest.approx(np.log(weights.sum()), rel=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_turning_is_the_same_backwards_and_in_other_units(run, seed):
    random = np.random.default_rng(seed)
    d = 5
    momenta = random.normal(size=(8, d)) + 0.6 * random.normal(size=d)

    def decide(momenta):
        sums = momenta[:4].sum(0), momenta[4:].sum(0)
        total = sums[0].copy()
        answer = run["join_trees"](momenta[0], momenta[3], total, momenta[4], momenta[7], sums[1], d)
        np.testing.assert_allclose(total, momenta.sum(0), atol=1e-12)
        pair = momenta[0].copy()
        return answer, run["join_trees"](momenta[0], momenta[0], pair, momenta[1], momenta[1], momenta[1], d)

    answers = decide(momenta)
    backwards = np.ascontiguousarray(momenta[::-1])
    assert decide(backwards)[0] == answers[0]
    assert decide(-momenta) == answers
    assert decide(momenta * 1e-3) == answers
    order = random.permutation(d)
    assert decide(np.ascontiguousarray(momenta[:, order])) == answers


def test_an_energy_error_beyond_the_limit_is_a_divergence(run):
    _, _, data = correlated_gaussian(2)
    ended, state = grow_from(run, gaussian, data, 50.0, 3, np.ones(2), np.ones(2), np.ones(2))
    assert ended == layout.DIVERGED
    assert state.scalars[layout.STEPS] == 1
    assert state.scalars[layout.LARGEST_ERROR] > MAX_ENERGY_ERROR


def test_a_start_in_the_far_tail_does_not_overflow(run):
    """A large step there makes energies far below that of the start, with weights beyond the range of floats."""
    _, _, data = correlated_gaussian(2)
    q, p, scale = np.array([2000.0, -3000.0]), np.zeros(2), np.ones(2)
    ended, state = grow_from(run, gaussian, data, 1e-2, 0, q, p, scale)
    assert ended == layout.GROWN
    assert math.isfinite(state.scalars[layout.CANDIDATE_WEIGHT])
    heavy = np.array([0.0, 0.0])
    ended, state = grow_from(run, gaussian, data, 0.3, 1, q, p, heavy + 1e-9)
    assert ended in (layout.GROWN, layout.TURNED)


# ---- transitions and whole chains


def test_transitions_agree_plain_and_compiled(library):
    d = 10
    start = np.linspace(-0.5, 0.5, d)
    states = [nuts.new_state(start, 6, [11, 12]) for _ in range(2)]
    address = compiled(eight_schools).address
    ways = [
        ({k.name: k for k in ENTRIES}, (eight_schools, SCHOOLS)),
        (library, (address, SCHOOLS.ctypes.data)),
    ]
    for (kernels, density), state in zip(ways, states, strict=True):
        assert kernels["start_chain"](*density, 0.8, state.workspace, state.scalars, state.stream, d) == 0
    for _ in range(12):
        for (kernels, density), state in zip(ways, states, strict=True):
            assert kernels["transition"](*density, 6, *state, d) == 0
        plain, machine = states
        np.testing.assert_allclose(machine.workspace[: 2 * d], plain.workspace[: 2 * d], rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(machine.scalars, plain.scalars, rtol=1e-6, atol=1e-8)
        np.testing.assert_array_equal(machine.stream, plain.stream)
        assert plain.scalars[layout.STEPS] >= 1


def sample(density, data, d, draws=4000, tune=1000, seed=1, chains=4, spread=1.0, **options):
    """Draws of `chains` chains that start near 0."""
    starts = np.random.default_rng(seed).uniform(-spread, spread, (chains, d))
    contexts = [data.ctypes.data] * chains
    keys = chain_keys(seed, chains)
    return run_chains(compiled(density).address, contexts, d, starts, draws, tune, keys=keys, **options)


def assert_expectation(values, expected, sigmas=4.5):
    """That the mean of `values`, shape (chains, draws), is `expected`, within its Monte Carlo error."""
    assert abs(values.mean() - expected) < sigmas * diagnose.mcse(values), (values.mean(), expected)


def test_correlated_gaussian():
    mean, covariance, data = correlated_gaussian()
    result = sample(gaussian, data, 10)
    assert result.status.tolist() == [0] * 4
    assert np.max(diagnose.rhat(result.draws)) < 1.01
    for k in range(10):
        assert_expectation(result.draws[..., k], mean[k])
        assert_expectation((result.draws[..., k] - mean[k]) ** 2, covariance[k, k])
    assert_expectation((result.draws[..., 0] - mean[0]) * (result.draws[..., 1] - mean[1]), covariance[0, 1])
    np.testing.assert_allclose(result.statistics["acceptance_rate"].mean(), 0.8, atol=0.05)
    leapfrogs = result.statistics["n_steps"].sum()
    assert leapfrogs / np.min(diagnose.ess(result.draws)) < 12


@functools.cache
def schools_by_quadrature():
    """Exact means of mu, mu**2, tau, min(tau, 20)**2 and the probability of tau > 10, integrating the effects out."""
    y, sigma = SCHOOLS[:8], SCHOOLS[8:]
    mu, log_tau = np.linspace(-25, 35, 601)[:, None], np.linspace(-12, 6.5, 1201)[None, :]
    tau = np.exp(log_tau)
    logp = -0.5 * (mu / 5) ** 2 - np.log1p((tau / 5) ** 2) + log_tau
    for value, sd in zip(y, sigma, strict=True):
        variance = sd**2 + tau**2
        logp = logp - 0.5 * np.log(variance) - 0.5 * (value - mu) ** 2 / variance
    density = np.exp(logp - logp.max())

    def mean(f):
        return integrate.trapezoid(integrate.trapezoid(density * f, mu, axis=0), log_tau[0])

    functions = mu + 0 * tau, mu**2 + 0 * tau, tau + 0 * mu, np.minimum(tau, 20) ** 2 + 0 * mu, (tau > 10) + 0 * mu
    return [mean(f) / mean(1.0 + 0 * tau) for f in functions]


def test_eight_schools_against_quadrature():
    exact = schools_by_quadrature()
    assert exact[0] == pytest.approx(4.397, abs=2e-3)
    assert exact[2] == pytest.approx(3.598, abs=2e-3)
    result = sample(eight_schools, SCHOOLS, 10, draws=8000, target_accept=0.9)
    mu, tau = result.draws[..., 0], np.exp(result.draws[..., 1])
    for values, expected in zip((mu, mu**2, tau, np.minimum(tau, 20) ** 2, tau > 10), exact, strict=True):
        assert_expectation(values * 1.0, expected)


def test_funnel_has_its_exact_marginal():
    result = sample(funnel, np.zeros(1), 3, draws=8000, target_accept=0.95)
    v, x = result.draws[..., 0], result.draws[..., 1]
    assert_expectation(v, 0.0)
    assert_expectation(v**2, 1.0)
    assert_expectation(1.0 * (v < -1.5), stats.norm.cdf(-1.5))
    assert_expectation(1.0 * (abs(x) < 0.5), integrate.quad(funnel_probability, -8, 8)[0])


def funnel_probability(v):
    """The density of v times the probability that abs(x) < 0.5 given v."""
    return stats.norm.pdf(v) * (1 - 2 * stats.norm.sf(0.5 / np.exp(v / 2)))


def test_one_dimension_and_tiny_and_huge_scales():
    for sd in (1e-8, 1.0, 1e8):
        data = np.array([1.0, 0.0, sd**-2.0])
        result = sample(gaussian, data, 1, spread=sd, draws=2000, chains=2)
        assert_expectation(result.draws[..., 0] / sd, 0.0)
        assert_expectation((result.draws[..., 0] / sd) ** 2, 1.0)


def test_statistics_fit_together():
    mean, _, data = correlated_gaussian(3)
    result = sample(gaussian, data, 3, draws=300, tune=300, max_treedepth=2, chains=2)
    s = result.statistics
    precision = data[4:].reshape(3, 3)
    x = result.draws - mean
    np.testing.assert_allclose(s["lp"], -0.5 * np.einsum("cdi,ij,cdj->cd", x, precision, x), rtol=1e-9, atol=1e-9)
    assert (s["n_steps"] <= 3).all()
    assert (s["tree_depth"] <= 2).all()
    assert s["reached_max_treedepth"].any()
    assert (s["tree_depth"][s["reached_max_treedepth"]] == 2).all()
    assert (abs(s["energy_error"]) <= abs(s["max_energy_error"]) + 1e-12).all()
    assert (abs(s["index_in_trajectory"]) <= s["n_steps"]).all()
    assert ((s["index_in_trajectory"] == 0) == (s["energy_error"] == 0)).all()
    assert (s["energy"] > -s["lp"] - 1e-9).all()
    assert (s["step_size"] == result.step_size[:, None]).all()
    np.testing.assert_allclose(s["step_size_bar"], s["step_size"], rtol=1e-12)
