"""Which options a Python script takes, read from its text: no line of it is ever executed."""
