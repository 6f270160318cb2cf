"""The `traindock` command."""
