"""What happens when a verb is called."""
