"""Where a Hamiltonian sampler keeps what: the vectors, scalars and integers of its workspace."""

from pellucid.inference import kernel as sampler

# How growing a tree ends; negative: the code of an exception inside the density.
GROWN = 0
TURNED = 1
DIVERGED = 2

# Vectors of the workspace: vector number k starts at k * d. Where one loop copies several, their order matters.
POSITION = 0
GRADIENT = 1
SCALE = 2
FORWARD_POSITION = 3
FORWARD_GRADIENT = 4
FORWARD_MOMENTUM = 5
BACKWARD_POSITION = 6
BACKWARD_GRADIENT = 7
BACKWARD_MOMENTUM = 8
MOMENTUM_SUM = 9
CANDIDATE_POSITION = 10
CANDIDATE_GRADIENT = 11
# Two estimators of the metric, each with mean and sum of squares of the draws, then of the gradients.
FOREGROUND = 12
BACKGROUND = 16
POOL = 20
"""First of the vectors that `slots` deals out, unless those of a stretched metric come before."""

# A metric that is not diagonal: the last gradient pulled back and the gradient it came from, a velocity, factors, rows.
STRETCH = 20
PULLED = 0
PULLED_FROM = 1
VELOCITY = 2
FACTORS = 3
ROWS = 4

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
# Those that become the statistics of a draw, in the order of `pellucid.inference.kernel.STATISTICS`.
RECORD = 2
ACCEPTANCE = RECORD + sampler.ACCEPTANCE_RATE
STEP_SIZE = RECORD + sampler.STEP_SIZE
STEP_SIZE_BAR = RECORD + sampler.STEP_SIZE_BAR
STEPS = RECORD + sampler.N_STEPS
DEPTH = RECORD + sampler.TREE_DEPTH
DIVERGED_HERE = RECORD + sampler.DIVERGING
REACHED_LIMIT = RECORD + sampler.REACHED_MAX_TREEDEPTH
CURRENT_ENERGY = RECORD + sampler.ENERGY
ENERGY_ERROR = RECORD + sampler.ENERGY_ERROR
LARGEST_ERROR = RECORD + sampler.MAX_ENERGY_ERROR
CURRENT_LOGP = RECORD + sampler.LP
INDEX = RECORD + sampler.INDEX_IN_TRAJECTORY
RECORDED = len(sampler.STATISTICS)
# The others.
START_ENERGY = RECORD + RECORDED
SYMMETRIC_ACCEPTANCE = START_ENERGY + 1
CANDIDATE_LOGP = START_ENERGY + 2
CANDIDATE_ENERGY = START_ENERGY + 3
CANDIDATE_INDEX = START_ENERGY + 4
CANDIDATE_WEIGHT = START_ENERGY + 5

# Scalars of the adaptation of step size and metric.
LOG_STEP_SIZE_BAR = START_ENERGY + 6
LOG_CENTRE = START_ENERGY + 7
MEAN_ERROR = START_ENERGY + 8
UPDATES = START_ENERGY + 9
FOREGROUND_COUNT = START_ENERGY + 10
BACKGROUND_COUNT = START_ENERGY + 11
RANK = START_ENERGY + 12
"""The rows of the stretched metric: 0 for a diagonal one, d for one that is a whole matrix."""
STRETCHED = START_ENERGY + 13
"""1 where the metric is stretched, and so not learnt by the kernels."""
SCALAR_CELLS = START_ENERGY + 14


def slot_count(max_treedepth: int) -> int:
    """The number of vectors that `slots` deals out."""
    return FIRST + SLOTS_PER_LEVEL * max_treedepth
