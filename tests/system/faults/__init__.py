"""What can happen to a log, and to whom: a file of tests for each back end, to run side by side."""
