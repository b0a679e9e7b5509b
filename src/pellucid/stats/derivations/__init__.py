"""Rules by which the distribution of an expression follows from those of the draws it is made of.

They are loaded when the first expression is met that is no draw: most models have none.
"""

from pellucid.stats.derivations.core import RULES, Measure, blocked, derives, measure

__all__ = ["RULES", "Measure", "blocked", "derives", "measure"]
