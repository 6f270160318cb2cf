"""Contract suites and fakes, shipped for those who write a compute target of their own."""
