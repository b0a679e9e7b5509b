"""The lesson, chapter by chapter, on both backends: the script that the project is accepted by."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT.parent / "shared" / "accept" / "lesson.py"
CHAPTERS = 7


@pytest.mark.skipif(not SCRIPT.exists(), reason=f"{SCRIPT.name} lies beside the repository, and is not there")
@pytest.mark.parametrize("backend", ["llvm", pytest.param("numpy", marks=pytest.mark.slow)])
def test_lesson(backend):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PELLUCID_BACKEND": backend}
    answer = subprocess.run(
        [sys.executable, str(SCRIPT)], env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert answer.returncode == 0, answer.stderr
    done = [line for line in answer.stdout.splitlines() if line.startswith("ok")]
    assert len(done) == CHAPTERS, answer.stdout
