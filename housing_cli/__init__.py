"""Train, serve, judge, retrain and promote a house-price model from one command."""

__version__ = "0.1.0"
