"""Jobs in containers: the engine of this machine, Docker or Podman, behind Docker's API."""
