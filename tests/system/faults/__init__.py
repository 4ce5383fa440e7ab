"""What can happen to a log, and to whom: the parts of `test_fault_matrix`."""
