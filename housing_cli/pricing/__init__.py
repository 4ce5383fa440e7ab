"""Prices a table of houses, block by block: what `housing predict` and the Python API do."""
