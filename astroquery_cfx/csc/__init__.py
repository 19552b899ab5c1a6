# Licensed under a 3-clause BSD style license - see LICENSE
"""The Chandra tables at HEASARC, in astroquery's vocabulary, complete.

``conditions`` checks what users ask for and writes it as ADQL; ``core`` has the client, which joins
it to a query and fetches the whole result.
"""

from .core import CSCPlane as CSCPlane
from .core import CSCPlaneClass as CSCPlaneClass
