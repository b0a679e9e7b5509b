"""What goes wrong, under PyMC's names, so that code that catches it need not be rewritten.

Some of PyMC's errors have no name of their own here: what PyMC calls a DtypeError is a TypeError. Those are the same
class under both names.
"""

from pellucid.graph.lazy import imported_on_use, places

MODULES = {
    "pellucid.inference.predictive": "ImplicitFreezeWarning",
    "pellucid.model.check": "SamplingError StartError",
    "pellucid.model.imputation": "ImputationWarning",
    "pellucid.stats": "NotDerivable ParameterValueError",
    "pellucid.tensor.broadcast": "ShapeError",
}

BlockModelAccessError = RuntimeError
DtypeError = TypeError
IncorrectArgumentsError = ValueError
NotConstantValueError = ValueError
ShapeWarning = UserWarning
TraceDirectoryError = ValueError
TruncationError = RuntimeError
UndefinedMomentException = NotImplementedError

__getattr__ = imported_on_use(__name__, places(MODULES))
