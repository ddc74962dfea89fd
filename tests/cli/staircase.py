"""A rule that finds the plateaus of the `log` of these tests, and rows of another."""

RULE = ["--window", 200, "--threshold", 4e-4, "--patience", 300]


def rows(count):
    return "step,loss\n" + "".join(f"{i},{1 / (i + 1):.6f}\n" for i in range(count))
