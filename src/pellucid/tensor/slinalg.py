"""The functions of `pellucid.tensor.linalg` under the name of PyTensor's module for those of SciPy's linear algebra."""

from pellucid.tensor.linalg import *  # noqa: F403
from pellucid.tensor.linalg import __all__  # noqa: F401
