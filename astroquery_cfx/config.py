# Licensed under a 3-clause BSD style license - see LICENSE
"""Configuration parameters of the package."""

from functools import partial

from astropy import config

# The configuration file and its section are named after the package, not after this module.
_item = partial(config.ConfigItem, module="astroquery_cfx")


class Conf(config.ConfigNamespace):
    """Configuration parameters for `astroquery_cfx`, read each time that a call is made."""

    vo_url = _item(
        "https://heasarc.gsfc.nasa.gov/xamin/vo",
        "Base URL of the VO services of HEASARC; TAP is at vo_url + '/tap'.",
    )
    timeout = _item(300.0, "Seconds that one request to a service may take in all.")
    stall_timeout = _item(
        60.0, "Seconds that a service may stay silent before a request is given up."
    )
    retries = _item(4, "How often a request that failed for a passing reason is tried again.")
    use_jobs = _item(
        False,  # noqa: FBT003 - ConfigItem takes the default by position
        "Fetch all pages by asynchronous jobs, which a service may take seconds to start. By "
        "default only pages that take the service too long are fetched by jobs.",
    )
    job_timeout = _item(
        3600.0,
        "Seconds that an asynchronous job may take. Later, the same query picks it up again.",
    )
    parallel_pages = _item(4, "How many pages of a result are fetched at a time.")
    page_rows = _item(
        99_000,
        "Rows to aim at in a page of a result; the limit of the service comes first. The default "
        "stays below the 100,000 rows that HEASARC returns where nothing lifts its limit.",
    )
    cache_folder = _item(
        "", "Where the folder of verified pages and results lies; empty for astropy's cache folder."
    )
    cache_days = _item(
        7.0, "Days that a result kept on disk may serve, if the archive still counts the same rows."
    )
    fermi_urls = _item(
        ["https://fermi.gsfc.nasa.gov/ssc/data/access/lat/"],
        "Where the Fermi LAT catalogues are published, and mirrors, in the order to try.",
        cfgtype="string_list",
    )


conf = Conf()
