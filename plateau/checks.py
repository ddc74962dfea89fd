"""Checks of arguments and of samples, for detectors and adapters of your own.

Those of arguments return the value in its plain form, or raise an error that names the argument and
says what would be right; those of samples return float64, or say what is no real number.

Examples
--------
>>> from plateau.checks import as_samples, whole
>>> whole("patience", 3, least=0)
3
>>> whole("patience", -1, least=0)
Traceback (most recent call last):
    ...
ValueError: patience must be at least 0, not -1
>>> as_samples([1, 2, 4])
array([1., 2., 4.])
"""

from plateau._arguments import number as number
from plateau._arguments import one_of as one_of
from plateau._arguments import positive as positive
from plateau._arguments import weight as weight
from plateau._arguments import whole as whole
from plateau._samples import LIMIT as LIMIT
from plateau._samples import Sample as Sample
from plateau._samples import as_rows as as_rows
from plateau._samples import as_sample as as_sample
from plateau._samples import as_samples as as_samples
from plateau._samples import first_nonfinite as first_nonfinite
from plateau._samples import nonfinite_error as nonfinite_error
