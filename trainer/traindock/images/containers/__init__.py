"""Environments for containers: base images, volumes, layers, registries, and what they ask of an engine."""
