"""The models of ../models.py by hand, for libraries with another vocabulary, and how they are timed."""
