"""Step methods for what NUTS cannot sample: updates of single coordinates, and their composition with NUTS."""
