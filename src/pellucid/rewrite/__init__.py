"""Same value, better graph: rules as tables, an engine that applies them, and one ordered pipeline."""
