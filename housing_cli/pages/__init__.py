"""Templates and charts that every page shares."""
