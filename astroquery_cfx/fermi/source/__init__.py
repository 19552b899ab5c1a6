# Licensed under a 3-clause BSD style license - see LICENSE
"""One source of the catalogue: its position, spectrum, flux points, light curve and plots."""

from .core import ExtendedModel, FermiSource

__all__ = ["ExtendedModel", "FermiSource"]
