"""Traindock."""
