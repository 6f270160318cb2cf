"""Measurements of Traindock beside what one would use instead: ``python -m benchmarks [rows…]``."""
