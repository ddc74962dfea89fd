"""What the name of a column says, and how its numbers behave."""
