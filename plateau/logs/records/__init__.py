"""From rows of named numbers and labels to tables of columns."""
