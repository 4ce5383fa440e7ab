"""The prediction log as two plain csv files in a directory."""
