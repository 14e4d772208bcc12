"""Benchmarks: programs driven from outside, against servers on loopback, only right files counted."""
