"""The HTTP API: a thin skin over a transport-free `Predictor`."""
