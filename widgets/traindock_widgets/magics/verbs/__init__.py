"""Verbs of ``%traindock`` that show cards, in place of the command line's or besides them."""
