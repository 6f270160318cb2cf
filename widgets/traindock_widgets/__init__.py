"""The notebook side of Traindock: the room for the run card, the registration panel and the magics."""
