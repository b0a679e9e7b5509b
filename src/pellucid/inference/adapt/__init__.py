"""Adaptation while tuning: of the step size, of the metric, and their timetable."""
