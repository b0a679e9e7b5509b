"""A model that is saved and loaded, here or in another process, is the same in every number; a bad file says so."""

import hashlib
import importlib.util
import io
import json
import subprocess
import sys
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

import pellucid as pm
import pellucid.tensor as pt
from pellucid.model.save_kinds import ModelReader, ModelWriter

ELSEWHERE = Path(__file__).resolve().parents[3] / "shared" / "models"
Y = np.array([0.3, -1.2, 0.8, 2.0, 0.1])


# Models of every sort.


def regression():
    """Data whose lengths change, dims, labels of several kinds, a transform, a start, a potential."""
    coords = {"g": list("abc"), "year": (2001, 2002), "pair": [("a", 1), ("b", 2)]}
    with pm.Model(coords=coords) as model:
        x = pm.Data("x", Y, dims="row")
        where = pm.Data("where", [0, 1, 2, 0, 1], dims="row")
        level = pm.Normal("level", 0, 2, dims="g", initval=[0.5, 1.0, -1.0])
        slope = pm.Uniform("slope", -1, pm.math.exp(pm.Normal("top", 1, 0.1)), initval="support_point")
        s = pm.HalfNormal("s", 1, default_transform=pm.distributions.transforms.log_exp_m1)
        line = pm.Deterministic("line", level[where] + slope * x, dims="row")
        pm.Potential("soft", -((level.sum() - 1) ** 2))
        pm.Normal("y", line, s, observed=Y[::-1], dims="row")
    return model


def loops():
    """A loop that is written, and series that are laws."""
    with pm.Model() as model:
        a = pm.Normal("a", 0.5, 0.1)
        states, _ = pm.scan(
            lambda before, a: a * before + 1, outputs_info=[pt.constant(0.0)], non_sequences=[a], n_steps=5
        )
        pm.AR("ar", rho=[a, 0.1], sigma=1.0, init_dist=pm.Normal.dist(0, 1, size=2), steps=5)
        pm.GaussianRandomWalk("walk", 0, 1, init_dist=pm.Normal.dist(0, 1), steps=4)
        pm.Normal("y", states, 1, observed=Y)
    return model


def compositions():
    """Distributions made of others, and the bounds of their transforms."""
    with pm.Model() as model:
        w = pm.Dirichlet("w", np.ones(2))
        mu = pm.Normal("mu", [-1.0, 1.0], 1, shape=2, transform=pm.distributions.transforms.ordered)
        low = pm.Uniform("low", 0, 1)
        pm.Truncated("cut", pm.Normal.dist(mu[0], 1), lower=low, upper=3)
        pm.Uniform("inside", low, 2, transform=pm.distributions.transforms.Interval(lambda rng, size, a, b: (a, b)))
        pm.LKJCholeskyCov("chol", n=2, eta=2, sd_dist=pm.Exponential.dist(1.0))
        pm.Mixture("mixed", w, [pm.Normal.dist(mu[0], 1), pm.StudentT.dist(3, mu[1], 1)], observed=Y)
        pm.Censored("censored", pm.Normal.dist(mu[1], 1), lower=-1, upper=1, observed=np.clip(Y, -1, 1))
        pm.ZeroInflatedPoisson("counts", 0.7, 2.0 + low, observed=[0, 1, 0, 4])
    return model


def customs():
    """What users say of distributions: as a graph that draws, and as densities."""

    def walk(s, size):
        return pm.Normal.dist(0, s, size=size).cumsum(-1)

    with pm.Model() as model:
        s = pm.HalfNormal("s", 1)
        pm.CustomDist("drawn", s, dist=walk, observed=Y)
        pm.CustomDist(
            "written", s, 2.0, logp=lambda x, s, k: -k * abs(x) / s - pt.log(s),
            support_point=lambda rv, size, s, k: pt.full(size, 0.25), shape=3,
        )  # fmt: skip
    return model


def imputed():
    """Data some of which are missing."""
    with pm.Model() as model:
        s = pm.HalfNormal("s", 1)
        with pytest.warns(pm.ImputationWarning):
            pm.Normal("y", 0, s, observed=[0.1, np.nan, -0.4, np.nan])
    return model


def marginalised():
    """A model some of whose variables were summed over."""
    with pm.Model() as model:
        p = pm.Beta("p", 2, 2)
        z = pm.Bernoulli("z", p, shape=5)
        pm.Normal("y", pt.switch(z, 1.0, -1.0), 0.5, observed=Y)
    return pm.marginalize(model, ["z"])


def intervened():
    """A model made of another by an intervention and an observation; part of it was another model."""
    with pm.Model() as model:
        x = pm.Normal("x", 0, 1)
        with pm.Model("inner"):
            y = pm.Normal("y", 2 * x, 1)
        pm.Normal("z", y, 1)
    return pm.observe(pm.do(model, {"x": 1.5}), {"z": 0.5})


MODELS = {f.__name__: f for f in (regression, loops, compositions, customs, imputed, marginalised, intervened)}


# What must be the same, in this process or another.


def digest(found):
    """All bits of some arrays."""
    whole = hashlib.sha256()
    for name, array in sorted(found.items()):
        plain = np.ascontiguousarray(array)
        whole.update(f"{name} {plain.dtype} {plain.shape}".encode() + plain.tobytes())
    return whole.hexdigest()


def outcomes(model):
    """Everything that a model answers without sampling, as text."""
    start = model.initial_point()
    near = {name: v + 0.1 if v.dtype.kind == "f" else v for name, v in start.items()}
    logp, dlogp = model.compile_logp(backend="numpy"), model.compile_dlogp(backend="numpy")
    prior = {}
    if not model.potentials and not hasattr(model, "marginals") and "written" not in model:
        tree = pm.sample_prior_predictive(3, model=model, random_seed=4)
        prior = {f"{g}/{n}": a.values for g, child in tree.children.items() for n, a in child.data_vars.items()}
    return {
        "start": digest(start),
        "logp": [float(logp(point)).hex() for point in (start, near)],
        "dlogp": [digest({"dlogp": dlogp(point)}) for point in (start, near)],
        "prior": digest(prior),
        "table": str(model.table()),
        "graph": pm.dprint([*model.named_vars.values()], file="str"),
        "coords": repr(model.coords),
        "roles": repr([model.free_RVs, model.observed_RVs, model.deterministics, model.potentials, model.data_vars]),
    }


def saved(model, path):
    pm.save_model(model, path)
    return pm.load_model(path)


@pytest.fixture(scope="module")
def models():
    return {name: build() for name, build in MODELS.items()}


@pytest.fixture(scope="module")
def folder(models, tmp_path_factory):
    found = tmp_path_factory.mktemp("saved")
    for name, model in models.items():
        pm.save_model(model, found / name)
    return found


@pytest.mark.parametrize("name", MODELS)
def test_a_loaded_model_is_the_same_bit_for_bit(models, folder, name):
    assert outcomes(pm.load_model(folder / name)) == outcomes(models[name])


def test_another_process_without_the_source_has_the_same_model(models, folder):
    code = "import sys, test_save; test_save.report(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    for name, model in models.items():
        expected = json.loads(json.dumps(outcomes(model)))
        assert found[name] == expected, name


def report(place):
    """Print what the models of a folder answer: run in another process."""
    print(json.dumps({path.name: outcomes(pm.load_model(path)) for path in sorted(Path(place).iterdir())}))


@pytest.mark.parametrize("path", sorted(ELSEWHERE.glob("[0-9]*.py")) or [None], ids=lambda p: p.stem if p else "none")
def test_the_models_that_lie_beside_the_repository(path, tmp_path, monkeypatch):
    if path is None:
        pytest.skip(f"there are no models at {ELSEWHERE}")
    monkeypatch.syspath_prepend(str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    try:
        model = module.build(pm)
    except AttributeError as missing:
        pytest.skip(str(missing))
    found = saved(model, tmp_path / "model")
    start = model.initial_point()
    assert digest(found.initial_point()) == digest(start)
    assert float(found.compile_logp(backend="numpy")(start)) == float(model.compile_logp(backend="numpy")(start))
    assert str(found.table()) == str(model.table())
    every = [*model.named_vars.values()]
    assert pm.dprint([*found.named_vars.values()], file="str") == pm.dprint(every, file="str")


@pytest.mark.filterwarnings("ignore:The posterior predictive draws do not know of the potentials")
def test_the_same_chains_and_predictions(folder):
    model, twin = regression(), pm.load_model(folder / "regression")
    options = {"chains": 2, "tune": 100, "random_seed": 3, "progressbar": False, "compute_convergence_checks": False}
    mine, other = (pm.sample(50, model=m, **options) for m in (model, twin))
    assert all(np.array_equal(mine["posterior"][n], other["posterior"][n]) for n in mine["posterior"].data_vars)
    native = [m.compile_dlogp()(model.initial_point()) for m in (model, twin)]
    assert np.array_equal(*native)
    for m in (model, twin):
        m.set_data("x", [1.0, 2.0])
        m.set_data("where", [2, 0])
    here, there = (
        pm.sample_posterior_predictive(draws, model=m, random_seed=5, predictions=True, progressbar=False)
        for m, draws in ((model, mine), (twin, other))
    )
    assert here["predictions"]["y"].shape == (2, 50, 2)
    assert np.array_equal(here["predictions"]["y"], there["predictions"]["y"])


def test_a_loaded_model_shares_nothing_and_can_grow(models, folder):
    twin = pm.load_model(folder / "regression")
    twin.set_data("x", np.zeros(5))
    assert models["regression"]["x"].get_value()[0] == Y[0]
    with twin:
        pm.Normal("more", 0, 1)
    assert "more" not in models["regression"]
    assert pm.do(twin, {"slope": 0.0}).data_vars[-1].name == "slope"


def test_marginalised_variables_are_recovered_after_loading(models, folder):
    twin = pm.load_model(folder / "marginalised")
    assert type(twin) is type(models["marginalised"])
    draws = pm.sample(
        20, chains=1, tune=20, model=twin, random_seed=1, progressbar=False, compute_convergence_checks=False
    )
    mine, other = (
        pm.recover_marginals(draws, model=m, random_seed=2, extend_inferencedata=False)
        for m in (models["marginalised"], twin)
    )
    assert np.array_equal(mine["z"], other["z"])


def test_minibatches_come_back(tmp_path):
    with pm.Model() as model:
        x, y = pm.Minibatch(np.arange(20.0), np.arange(20.0) ** 2, batch_size=4)
        pm.Normal("y", pm.Normal("slope", 0, 1) * x, 1, observed=y, total_size=20)
    twin = saved(model, tmp_path / "m")
    mine, other = (pm.fit(20, model=m, random_seed=1, progressbar=False) for m in (model, twin))
    assert np.array_equal(mine.hist, other.hist)
    assert mine.hist[0] != mine.hist[-1]


def test_a_generator_keeps_its_state(tmp_path):
    with pm.Model() as model:
        pm.Normal("x", 0, 1, rng=pm.shared_rng(7))
    twin = saved(model, tmp_path / "m")
    assert pm.draw(twin["x"]) == pm.draw(model["x"])


@pytest.mark.parametrize(
    "labels",
    [
        [date(2020, 1, 1), datetime(2021, 1, 1, 3, 4, tzinfo=UTC)], [1.5, np.float32(2)],
        [np.datetime64("2020-01-01"), np.datetime64("2020-01-02")], [True, None], [("a", 1), ("b", np.inf)],
        [np.str_("a"), np.timedelta64(3, "s")], [1 + 2j, b"xy"],
    ],
)  # fmt: skip
def test_labels_of_every_kind_come_back(labels, tmp_path):
    with pm.Model(coords={"g": labels}) as model:
        pm.Normal("x", 0, 1, dims="g")
    found = saved(model, tmp_path / "m").coords["g"]
    assert found == model.coords["g"]
    assert list(map(type, found)) == list(map(type, model.coords["g"]))


def test_labels_from_pandas_come_back(tmp_path):
    pd = pytest.importorskip("pandas")
    coords = {
        "day": pd.date_range("2020-01-01", periods=3, tz="Europe/Vienna"), "plain": pd.date_range("1990", periods=2),
        "bin": pd.interval_range(0, 3), "step": pd.timedelta_range("1s", periods=2),
    }  # fmt: skip
    with pm.Model(coords=coords) as model:
        pm.Normal("x", 0, 1, dims="day")
    found = saved(model, tmp_path / "m").coords
    assert found == model.coords
    assert found["day"][0].tz.key == "Europe/Vienna" if hasattr(found["day"][0].tz, "key") else found["day"][0].tz


@pytest.mark.parametrize(
    "array",
    [
        np.array([np.nan, -0.0, np.inf, 5e-324]), np.array([1, 2], "int8"), np.array(2**64 - 1, "uint64"),
        np.zeros((0, 3)), np.array(1 / 3, "float32"), np.array([1 + 1j]), np.arange(12.0).reshape(3, 4).T,
        np.array([True, False]), np.array(-0.0),
    ],
)  # fmt: skip
def test_constants_and_shared_values_keep_every_bit(array):
    writer = ModelWriter()
    data = [writer.value(v) for v in (pt.constant(array), pm.shared(array, name="s"), array)]
    text = json.loads(json.dumps([data, writer.graph()], allow_nan=False))
    reader = ModelReader(text[1], dict(enumerate(writer.arrays)))
    fixed, shared, plain = (reader.value(d) for d in text[0])
    for found in (fixed.data, shared.get_value(), plain):
        assert (found.dtype, found.shape) == (array.dtype, array.shape)
        assert found.tobytes() == array.tobytes()
    assert shared.name == "s"


def test_a_chain_of_30_000_ops_neither_recurses_nor_takes_long():
    x = v = pt.scalar("x")
    for _ in range(30_000):
        v = pt.sin(v)
    writer = ModelWriter()
    data = writer.value(v)
    found = ModelReader(json.loads(json.dumps(writer.graph())), {}).value(data)
    nodes = pm.toposort(found)
    assert len(nodes) == 30_000
    assert nodes[0].inputs[0].name == x.name


def test_nodes_keep_their_lines(models, folder):
    here, there = models["regression"]["line"].owner, pm.load_model(folder / "regression")["line"].owner
    assert here.line == there.line
    assert here.line[0] == __file__


def test_equal_models_give_equal_files(models, folder, tmp_path):
    pm.save_model(models["regression"], tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (folder / "regression").read_bytes()
    pm.save_model(pm.load_model(tmp_path / "again"), tmp_path / "third")
    assert (tmp_path / "third").read_bytes() == (tmp_path / "again").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again", "third"]


# What cannot be saved is named.


class Doubled(pm.Op):
    """An op of a user's."""

    def infer(self, x):
        return (x.type,)

    def impl(self, xp, x):
        return 2 * x


class Mine(pm.distributions.transforms.Transform):
    """A bijection of a user's."""

    name = "mine"

    def forward(self, value, *inputs):
        return value

    def backward(self, value, *inputs):
        return value

    def log_jac_det(self, value, *inputs):
        return pt.zeros_like(value)


def sine(x):
    """A function of arrays."""
    return np.sin(x)


def refused(model, *words):
    with pytest.raises(pm.SaveError) as caught:
        pm.save_model(model, "nowhere/at/all")
    for word in (*words, "test_save.py") if "class" not in words else words:
        assert word in str(caught.value)


def test_ops_functions_and_bijections_of_users_are_refused_by_name():
    with pm.Model() as model:
        x = pm.Normal("x", 0, 1)
        pm.Deterministic("d", Doubled()(x))
    refused(model, "the op Doubled", "test_save")
    with pm.Model() as model:
        x = pm.Normal("x", 0, 1)
        pm.Deterministic("d", pm.wrap_py([pt.dscalar], [pt.dscalar])(sine)(x))
    refused(model, "FromFunctionOp", "sine", "test_save")
    with pm.Model() as model:
        pm.CustomDist("c", 1.0, random=lambda mu, rng, size: rng.normal(mu, 1, size))
    refused(model, "the Python function", "'c', CustomDist_rv")
    with pm.Model() as model:
        pm.Normal("x", 0, 1, transform=Mine())
    refused(model, "class", "Mine")


def test_draws_of_a_custom_density_are_left_out_with_a_warning(tmp_path):
    with pm.Model() as model:
        pm.CustomDist(
            "c", 1.0, logp=lambda x, mu: -((x - mu) ** 2), random=lambda mu, rng, size: rng.normal(mu, 1, size)
        )
    with pytest.warns(UserWarning, match="random= of .*no draws of it"):
        pm.save_model(model, tmp_path / "m")
    twin = pm.load_model(tmp_path / "m")
    assert twin.compile_logp()({"c": 3.0}) == model.compile_logp()({"c": 3.0}) == -4.0
    with pytest.raises(Exception, match="neither random= nor dist="):
        pm.draw(twin["c"])


def test_results_are_saved_by_their_own_methods(tmp_path):
    with pytest.raises(TypeError, match="to_zarr"):
        pm.save_model({"posterior": 1}, tmp_path / "m")


# Bad files.


def edited(path, change, target):
    """A copy of a file whose text was changed."""
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(target, "w") as copy:
        for name in archive.namelist():
            data = archive.read(name)
            copy.writestr(name, change(data.decode()) if name == "model.json" else data)
    return target


def test_a_truncated_or_corrupt_file_is_refused(folder, tmp_path):
    whole = (folder / "regression").read_bytes()
    path = tmp_path / "bad"
    for cut in (0, 10, len(whole) // 2, len(whole) - 5):
        path.write_bytes(whole[:cut])
        with pytest.raises(pm.LoadError, match="cannot be loaded: it is damaged"):
            pm.load_model(path)
    rng = np.random.default_rng(0)
    for at in rng.integers(0, len(whole) - 1, 60):  # a flipped byte is noticed, or is in what does not matter
        broken = bytearray(whole)
        broken[at] ^= 0xFF
        path.write_bytes(broken)
        try:
            assert outcomes(pm.load_model(path))["logp"] == outcomes(pm.load_model(folder / "regression"))["logp"]
        except pm.LoadError:
            continue
    with pytest.raises(FileNotFoundError):
        pm.load_model(tmp_path / "none")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.replace('"version": 1', '"version": 2'), "its format is 2.*"),
        (lambda t: t.replace(f'"pellucid": "{pm.__version__}"', '"pellucid": "9.1"').replace('"add"', '"addd"'),
         "no elementwise op called 'addd'.*written by pellucid 9.1.*upgrade"),
        (lambda t: t.replace('"format": "pellucid model"', '"format": "another"'), "holds no model"),
        (lambda t: t.replace("pellucid.tensor.reduce:Reduce", "pellucid.tensor.reduce:Reducer"), "This version has no"),
        (lambda t: t.replace("pellucid.tensor.reduce:Reduce", "os:system"), "no module of the library"),
        (lambda t: t.replace("pellucid.tensor.reduce:Reduce", "pellucid.compile.function:os.fork"), "cannot be loaded"),
        (lambda t: t.replace("pellucid.stats.bijection:support_bounds", "pellucid.tensor.host:find"), "may name"),
        (lambda t: t.replace('"dtype": "float64", "shape": []', '"dtype": "int8", "shape": []'), "cannot be loaded"),
        (lambda t: t.replace('"inputs": [', '"inputs": [9999, '), "read before it is there"),
        (lambda t: t.replace('"state": {"lower"', '"fields": {"lower"'), "is no class of values"),
        (lambda t: t[:-20], "it is damaged"),
        (lambda t: "[" * 100_000, "cannot be loaded"),
    ],
)  # fmt: skip
def test_a_file_that_says_something_else_is_refused(folder, tmp_path, change, message):
    path = edited(folder / "regression", change, tmp_path / "edited")
    with pytest.raises(pm.LoadError, match=rf"edited cannot be loaded.*{message}|{message}"):
        pm.load_model(path)


def test_an_array_of_another_type_than_the_graph_says_is_refused(folder, tmp_path):
    with zipfile.ZipFile(folder / "regression") as archive, zipfile.ZipFile(tmp_path / "m", "w") as copy:
        for name in archive.namelist():
            data = io.BytesIO(archive.read(name))
            if name.startswith("arrays/"):
                array = np.load(data)[..., None]
                data = io.BytesIO()
                np.save(data, array)
            copy.writestr(name, data.getvalue())
    with pytest.raises(pm.LoadError, match=r"array is not of the type.*damaged, or was changed"):
        pm.load_model(tmp_path / "m")
