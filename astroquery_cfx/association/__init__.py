# Licensed under a 3-clause BSD style license - see LICENSE
"""Which pair is the counterpart, and with what probability. No I/O, no network."""

from .associate import associate_tables
from .calibration import calibrate_association

__all__ = ["associate_tables", "calibrate_association"]
