"""Same value, better graph: rules as tables, an engine that applies them, and one ordered pipeline."""

from pellucid.rewrite.pattern import Family, Hole, Pattern, Procedure, Rule, procedure

__all__ = ["Family", "Hole", "Pattern", "Procedure", "Rule", "procedure"]
