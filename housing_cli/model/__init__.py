"""What serving needs of a model, and no more."""
