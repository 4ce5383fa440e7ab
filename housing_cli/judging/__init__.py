"""Whether a model got worse, and whether another is better: pure functions of prices."""
