# Licensed under a 3-clause BSD style license - see LICENSE
"""
Which left source is the counterpart of each right source, and how likely. No I/O.

The way through the files; each imports only from those before it:

- ``likelihood``, ``fluxes``, ``density``: the formulas, from arrays to arrays. Likelihood ratio,
  prior and posterior; flux distributions; fields, coverage and local density.
- ``options``: the arguments, checked, and both tables as plain arrays.
- ``candidates``: the left sources in the region of each right source.
- ``model``: what is learned from the candidates (EM), and their probabilities by it.
- ``associate``: `associate_tables`, the way from options to probabilities, as a table.
- ``calibration``: `calibrate_association`, the same model at other places, where all is chance.
"""

from .associate import associate_tables as associate_tables
from .calibration import calibrate_association as calibrate_association
