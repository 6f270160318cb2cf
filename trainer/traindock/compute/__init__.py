"""Compute targets: where jobs run. One room per kind, one contract for all (`base`)."""
