"""The modules of compiled code as plain Python, so that their single functions can be looked at."""

import importlib.util
import sys
from unittest import mock

import numpy as np

from plateau import _pyramid, _recurrence, _statistics
from plateau._arithmetic import choose, fused
from plateau.fast import advance as _advance
from plateau.fast import pieces as _pieces
from plateau.fast.lanes import WIDTH


class Lanes:
    """`plateau.fast.lanes` on arrays of eight numbers."""

    @staticmethod
    def spread(x):
        return np.full(WIDTH, x)

    @staticmethod
    def lane(v, i):
        return float(v[i])

    @staticmethod
    def replaced(v, i, x):
        changed = v.copy()
        changed[i] = x
        return changed

    @staticmethod
    def row(array, at):
        return array[at : at + WIDTH].copy()

    @staticmethod
    def put(array, at, v):
        array[at : at + WIDTH] = v

    @staticmethod
    def gather(array, at, stride):
        return array[at + stride * np.arange(WIDTH)]

    @staticmethod
    def scatter(array, at, stride, v):
        array[at + stride * np.arange(WIDTH)] = v


def fused_lanes(a, b, c):
    if not any(isinstance(each, np.ndarray) for each in (a, b, c)):
        return fused(float(a), float(b), float(c))
    rows = np.broadcast_arrays(a, b, c)
    return np.array([fused(*each) for each in zip(*map(np.ndarray.tolist, rows), strict=True)])


def choose_lanes(mask, a, b):
    return np.where(mask, a, b) if isinstance(mask, np.ndarray) else choose(mask, a, b)


def _interpreted():
    """The modules without the compiler, each of which imports the ones before it."""
    lanes = {name: getattr(Lanes, name) for name in vars(Lanes) if name[0] != "_"}
    marks = dict.fromkeys(("inline", "merged", "helper"), lambda function: function)
    marks |= dict.fromkeys(("kernel", "batch"), lambda *signature: lambda function: function)
    found = []
    with (
        mock.patch.multiple("plateau._compile", array=lambda address, size: address, **marks),
        mock.patch.multiple("plateau._arithmetic", fused=fused_lanes, choose=choose_lanes),
        mock.patch.multiple("plateau.fast.lanes", **lanes),
        mock.patch.dict(sys.modules),
    ):
        for compiled in (_recurrence, _advance, _pieces, _statistics, _pyramid):
            spec = importlib.util.spec_from_file_location(compiled.__name__, compiled.__file__)
            module = importlib.util.module_from_spec(spec)
            sys.modules[compiled.__name__] = module
            spec.loader.exec_module(module)
            found.append(module)
    return found


recurrence, advance, pieces, statistics, pyramid = _interpreted()
