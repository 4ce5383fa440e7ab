"""The server's process: signals, workers, what they share."""
