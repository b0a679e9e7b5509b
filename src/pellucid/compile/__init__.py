"""From a graph to a function: the backends."""
