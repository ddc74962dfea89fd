"""What a sample costs, beside peers and the limits of the machine, in one run.

    python -m tests.benchmarks.speed

prints the tables; with ``--page docs/benchmarks.md`` it writes them, and the picture of growth,
into that page. Names that begin with ``plateau`` are the library's own.
"""
