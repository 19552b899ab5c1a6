# Licensed under a 3-clause BSD style license - see LICENSE
"""
astroquery_cfx
--------------

Whole catalogues from HEASARC (the Chandra Source Catalog and all others),
the Fermi LAT 4FGL catalogues, their cross-match, and the figures.

A result is complete and proved, or an error.
"""

from astropy import config as _config

try:
    from ._version import version as __version__
except ImportError:  # a source tree that was never built
    __version__ = "0.1.0.dev0"


class Conf(_config.ConfigNamespace):
    """Configuration parameters for `astroquery_cfx`, read each time that a call is made."""

    vo_url = _config.ConfigItem(
        "https://heasarc.gsfc.nasa.gov/xamin/vo",
        "Base URL of the VO services of HEASARC; TAP is at vo_url + '/tap'.")
    timeout = _config.ConfigItem(
        300.0,
        "Seconds that one request to a service may take in all.")
    stall_timeout = _config.ConfigItem(
        60.0,
        "Seconds that a service may stay silent before a request is given up.")
    retries = _config.ConfigItem(
        4,
        "How often a request that failed for a passing reason is tried again.")
    use_jobs = _config.ConfigItem(
        False,  # noqa: FBT003 - as astropy has it
        "Fetch pages by asynchronous jobs, which a service may take seconds to start. Without it, only "
        "what takes the service too long otherwise.")
    job_timeout = _config.ConfigItem(
        3600.0,
        "Seconds that an asynchronous job may take; after that it can be picked up by the same query.")
    parallel_pages = _config.ConfigItem(
        4,
        "How many pages of a result are fetched at a time.")
    page_rows = _config.ConfigItem(
        99_000,
        "Rows that a page of a result is aimed at; the service's own limit comes first. The default stays "
        "below the 100,000 rows that HEASARC gives where nothing lifts its limit.")
    cache_folder = _config.ConfigItem(
        "",
        "Where the folder of verified pages and results lies; empty for astropy's cache folder.")
    cache_days = _config.ConfigItem(
        7.0,
        "Days that a result kept on disk may serve, if the archive still counts the same rows.")
    fermi_urls = _config.ConfigItem(
        ["https://fermi.gsfc.nasa.gov/ssc/data/access/lat/"],
        "Where the Fermi LAT catalogues are published, and mirrors, in the order to try.",
        cfgtype="string_list")


conf = Conf()

from .crossmatch import (  # noqa: E402
    ErrorEllipse,
    associate_tables,
    calibrate_association,
    crossmatch_tables,
    group_matches,
)
from .csc import CSCPlane, CSCPlaneClass  # noqa: E402
from .errors import (  # noqa: E402
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
from .fermi import Fermi4FGL, Fermi4FGLClass  # noqa: E402

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
    "associate_tables",
    "calibrate_association",
    "conf",
    "crossmatch_tables",
    "group_matches",
]
