"""Several logs: found in folders, read side by side, told apart from copies."""
