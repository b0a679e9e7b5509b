"""What compiled samplers and the chains that run them have in common: statistics, progress, and how a run ends.

A sampler is a pair of kernels: one starts a chain, the other advances it over a range of iterations, writing draws and
statistics straight into the arrays of the caller. All state lives in arrays, so a chain can be watched, stopped and
continued from outside.
"""

STATISTICS = (
    "acceptance_rate",
    "step_size",
    "step_size_bar",
    "n_steps",
    "tree_depth",
    "diverging",
    "reached_max_treedepth",
    "energy",
    "energy_error",
    "max_energy_error",
    "lp",
    "index_in_trajectory",
)
"""The statistics of a draw, in the order of their rows in the statistics array."""

# The rows, as numbers that kernels can use.
ACCEPTANCE_RATE = 0
STEP_SIZE = 1
STEP_SIZE_BAR = 2
N_STEPS = 3
TREE_DEPTH = 4
DIVERGING = 5
REACHED_MAX_TREEDEPTH = 6
ENERGY = 7
ENERGY_ERROR = 8
MAX_ENERGY_ERROR = 9
LP = 10
INDEX_IN_TRAJECTORY = 11

STATISTIC_DTYPES = {
    "n_steps": "int64",
    "tree_depth": "int64",
    "index_in_trajectory": "int64",
    "diverging": "bool",
    "reached_max_treedepth": "bool",
}
"""The statistics that are not floats."""

# Cells of the progress array of a chain. The sampler writes the first three; others may write the last to stop it.
ITERATIONS_DONE = 0
DIVERGENCES = 1
LEAPFROGS = 2
STOP_REQUESTED = 3
PROGRESS_CELLS = 4

# What is written there to stop a chain: before its next trajectory, or its next sweep of several step methods, which a
# trajectory may be the last of.
AT_TRAJECTORY = 1
AT_SWEEP = 2

DIAGONAL = "diagonal"
LOW_RANK = "low_rank"
DENSE = "dense"
METRICS = (DIAGONAL, LOW_RANK, DENSE)
"""What the mass matrix can be: diagonal, diagonal but for a few directions, or any."""

# How starting or advancing a chain ends. Negative: the code of an exception inside the density.
FINISHED = 0
STOPPED = 1
BAD_START = 2
