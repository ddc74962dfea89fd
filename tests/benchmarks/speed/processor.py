"""What it is measured on."""

import platform
from functools import cache
from pathlib import Path

from llvmlite import binding

SPLIT = {"znver1", "bdver4"}
"""Processors that take 256-bit instructions and do them in two halves."""


def processor():
    """Name of the processor."""
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


@cache
def vector_bits():
    """Width of its vectors: `plateau.fast` is as fast as these are wide."""
    has = binding.get_host_cpu_features()
    if has.get("avx512f"):
        return 512
    return 256 if has.get("avx2") and binding.get_host_cpu_name() not in SPLIT else 128
