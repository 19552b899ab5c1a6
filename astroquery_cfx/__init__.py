# Licensed under a 3-clause BSD style license - see LICENSE
"""Find the X-ray counterparts of gamma-ray sources.

Complete catalogues from HEASARC (the Chandra Source Catalog and all others), the Fermi LAT 4FGL
catalogues, their cross-match, the probability of each association, and the figures. A result is
complete and proved, or an error.
"""

from .association import associate_tables, calibrate_association
from .config import Conf, conf
from .crossmatch import ErrorEllipse, crossmatch_tables, group_matches
from .csc import CSCPlane, CSCPlaneClass
from .errors import (
    ArchiveChangedError,
    CFXError,
    IncompleteResultError,
    InvalidFileError,
    InvalidInputError,
    MissingDependencyError,
    OutputError,
    ServiceError,
    ServiceUnavailableError,
)
from .fermi import Fermi4FGL, Fermi4FGLClass
from .version import version as __version__

__all__ = [
    "ArchiveChangedError",
    "CFXError",
    "CSCPlane",
    "CSCPlaneClass",
    "Conf",
    "ErrorEllipse",
    "Fermi4FGL",
    "Fermi4FGLClass",
    "IncompleteResultError",
    "InvalidFileError",
    "InvalidInputError",
    "MissingDependencyError",
    "OutputError",
    "ServiceError",
    "ServiceUnavailableError",
    "__version__",
    "associate_tables",
    "calibrate_association",
    "conf",
    "crossmatch_tables",
    "group_matches",
]
