"""Runs of their own (run/errand.py): a retry, a repair."""
