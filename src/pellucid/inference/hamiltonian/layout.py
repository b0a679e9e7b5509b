"""Where a Hamiltonian sampler keeps what: the vectors, scalars and integers of its workspace."""

# How growing a tree ends; negative: the code of an exception inside the density.
GROWN = 0
TURNED = 1
DIVERGED = 2

# Vectors of the workspace: vector number k starts at k * d.
POSITION = 0
GRADIENT = 1
INVERSE_MASS = 2
MOMENTUM_SCALE = 3
FORWARD_POSITION = 4
FORWARD_GRADIENT = 5
FORWARD_MOMENTUM = 6
BACKWARD_POSITION = 7
BACKWARD_GRADIENT = 8
BACKWARD_MOMENTUM = 9
MOMENTUM_SUM = 10
CANDIDATE_POSITION = 11
CANDIDATE_GRADIENT = 12
# Two estimators of the metric, each with mean and sum of squares of the draws, then of the gradients.
FOREGROUND = 13
BACKGROUND = 17
POOL = 21
"""First of the vectors that `slots` deals out."""

# Numbers of vectors in `slots`: of the tree on its way up, then three for each size of a waiting tree.
CARRY_FIRST = 0
CARRY_SUM = 1
FIRST = 2
LAST = 3
SUM = 4
SLOTS_PER_LEVEL = 3

# Scalars of the transition under way.
LOGP = 0
ENERGY = 1
START_ENERGY = 2
ACCEPTANCE = 3
SYMMETRIC_ACCEPTANCE = 4
STEPS = 5
DEPTH = 6
DIVERGED_HERE = 7
REACHED_LIMIT = 8
LARGEST_ERROR = 9
INDEX = 10
CURRENT_LOGP = 11
CURRENT_ENERGY = 12
CANDIDATE_LOGP = 13
CANDIDATE_ENERGY = 14
CANDIDATE_INDEX = 15
CANDIDATE_WEIGHT = 16

# Scalars of the adaptation of step size and metric.
STEP_SIZE = 17
LOG_STEP_SIZE_BAR = 18
LOG_CENTRE = 19
MEAN_ERROR = 20
UPDATES = 21
FOREGROUND_COUNT = 22
BACKGROUND_COUNT = 23
SCALAR_CELLS = 24


def slot_count(max_treedepth: int) -> int:
    """The number of vectors that `slots` deals out."""
    return FIRST + SLOTS_PER_LEVEL * max_treedepth
