# Licensed under a 3-clause BSD style license - see LICENSE
"""The Fermi LAT 4FGL catalogues.

``core`` has the client. ``releases`` lists what is published, ``download`` fetches it once,
``catalog`` reads a file and ``columns`` its columns, with one set of names for all releases.
``selection`` finds rows, ``classes`` knows classes and flags, ``source`` is one source, and
``shipped`` the part of 4FGL-DR4 that comes with the package.
"""

from .core import Fermi4FGL, Fermi4FGLClass
from .shipped import shipped_catalog

__all__ = ["Fermi4FGL", "Fermi4FGLClass", "shipped_catalog"]
