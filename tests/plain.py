"""The modules of compiled code as plain Python, so that their single functions can be looked at."""

import importlib.util
import sys
from unittest import mock

from plateau import _lanes, _pyramid, _recurrence, _side_by_side, _statistics

LANES = ("choose", "fused", "gather", "lane", "put", "replaced", "row", "scatter", "spread")


def _interpreted():
    """The modules without the compiler, each of which imports the ones before it."""
    python = {name: getattr(_lanes, f"_python_{name}") for name in LANES}
    marks = dict.fromkeys(("inline", "helper"), lambda function: function)
    marks |= dict.fromkeys(("kernel", "batch"), lambda *signature: lambda function: function)
    found = []
    with (
        mock.patch.multiple("plateau._compile", number=float, array=lambda b, _: b, **marks),
        mock.patch.multiple("plateau._lanes", **python),
        mock.patch.dict(sys.modules),
    ):
        for compiled in (_recurrence, _side_by_side, _statistics, _pyramid):
            spec = importlib.util.spec_from_file_location(compiled.__name__, compiled.__file__)
            module = importlib.util.module_from_spec(spec)
            sys.modules[compiled.__name__] = module
            spec.loader.exec_module(module)
            found.append(module)
    return found


recurrence, side_by_side, statistics, pyramid = _interpreted()
