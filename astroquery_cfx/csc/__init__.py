# Licensed under a 3-clause BSD style license - see LICENSE
"""The Chandra tables at HEASARC, in astroquery's vocabulary, complete."""

from .core import CSCPlane, CSCPlaneClass

__all__ = ["CSCPlane", "CSCPlaneClass"]
