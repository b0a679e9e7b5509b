"""Kill a process that samples, again and again, and look at what is left: `python benchmarks/kill.py [--times 20]`.

Each time a process writes its draws to a Zarr store and gets SIGKILL at a random moment. The store must open, its draws
must be those of an undisturbed run up to at most the last second, and resuming must end with exactly that run's draws.
"""

import argparse
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DRAWS, TUNE, CHAINS, OBSERVATIONS = 3000, 300, 2, 20_000

SCRIPT = """
import sys
sys.path.insert(0, {here!r})
import kill
kill.sample(trace={path!r})
"""


def sample(**options):
    """Sample a regression that takes some seconds."""
    import numpy as np

    import pellucid as pm

    rng = np.random.default_rng(1)
    x = rng.normal(size=OBSERVATIONS)
    with pm.Model():
        slope = pm.Normal("slope", shape=3)
        scale = pm.HalfNormal("scale")
        mean = slope[0] + slope[1] * x + slope[2] * pm.math.tanh(x)
        pm.StudentT("y", 5, mean, scale, observed=rng.normal(1 + x, 0.5))  # which no statistic sums up
        options = {"draws": DRAWS, "tune": TUNE, "chains": CHAINS, "random_seed": 1} | options
        return pm.sample(**options, progressbar=False, compute_convergence_checks=False)


def same(found, expected):
    """Stop unless all draws are the same, bit for bit."""
    for name, values in expected.data_vars.items():
        if not (values.values == found[name].values).all():
            raise SystemExit(f"{name} differs")


def main():
    """Print a line for each kill."""
    import pellucid as pm
    from pellucid.inference.store import open_run

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=20)
    chosen = parser.parse_args()
    begun = time.perf_counter()
    plain = sample()
    seconds = time.perf_counter() - begun
    print(f"pellucid {pm.__version__}: {DRAWS} draws of {CHAINS} chains take {seconds:.1f} s undisturbed")
    for turn in range(chosen.times):
        folder = Path(tempfile.mkdtemp(prefix="kill-"))
        path = folder / "run.zarr"
        script = SCRIPT.format(here=str(Path(__file__).parent), path=str(path))
        process = subprocess.Popen([sys.executable, "-c", script])
        while not path.exists() and process.poll() is None:
            time.sleep(0.005)
        time.sleep(random.uniform(0, seconds / 3))  # noqa: S311
        process.send_signal(signal.SIGKILL)
        process.wait()
        kept = open_run(path)["posterior"]
        first = plain["posterior"].isel(draw=slice(0, kept.sizes["draw"])).sel(chain=kept["chain"])
        same(kept, first)
        whole = sample(resume=path, draws=None, tune=0, chains=None, random_seed=None)["posterior"]
        same(whole, plain["posterior"])
        shape = "{chain} x {draw}".format(**kept.sizes)
        print(f"{turn + 1:3}: {shape} draws intact; resumed to {whole.sizes['draw']}, all the same", flush=True)
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
