"""From an environment to something a job can run in: recipe, cache key, build."""
