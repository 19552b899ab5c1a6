# Licensed under a 3-clause BSD style license - see LICENSE
"""The Fermi LAT 4FGL catalogues: releases, files and queries. ``source``: one source."""

from .core import Fermi4FGL, Fermi4FGLClass
from .shipped import shipped_catalog

__all__ = ["Fermi4FGL", "Fermi4FGLClass", "shipped_catalog"]
