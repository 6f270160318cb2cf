"""The one process per workspace that takes runs through their states."""
