"""What every test shares: a reproducible Hypothesis, and a compile cache that is the test run's own."""

import os

import hypothesis
import pytest

import pellucid.tensor as pt

# Tests walk the tables of ops, which must be whole whatever file they are in.
pt.math.declare_all()

# A deadline would make a test fail because the machine is busy.
hypothesis.settings.register_profile("pellucid", deadline=None, print_blob=True)
hypothesis.settings.load_profile("pellucid")


@pytest.fixture(scope="session", autouse=True)
def compile_cache(tmp_path_factory):
    """Keep compiled code of a test run out of the user's cache, so that a run neither needs nor leaves any."""
    directory = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        directory = directory.parent    # the workers of one run share what they compile
    directory = directory / "compile-cache"
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PELLUCID_CACHE_DIR", str(directory))
        yield directory
