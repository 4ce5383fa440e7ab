"""One file a verb: parse, call, return a Result."""
