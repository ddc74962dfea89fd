"""From tables of columns to runs: which is the metric, which is x, which is the learning rate."""
