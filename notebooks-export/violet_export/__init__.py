"""Figures, notebooks and numbers from the result files of a run."""
