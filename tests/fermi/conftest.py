# Licensed under a 3-clause BSD style license - see LICENSE
"""The published files that the tests of the catalogue read."""

import gzip

import pytest

# Release -> version of the file and number of sources, as published.
PUBLISHED = {"DR2": (27, 5788), "DR4": (35, 7195), "FL16Y": (41, 7224)}


@pytest.fixture(scope="session", params=PUBLISHED)
def release(request, shared_data):
    """Name, path and number of sources of each release at hand."""
    version, rows = PUBLISHED[request.param]
    return request.param, shared_data / "fermi" / f"gll_psc_v{version}.fit.gz", rows


@pytest.fixture(scope="session")
def dr4_content(shared_data):
    """The bytes of the published file of DR4, not gzipped."""
    return gzip.decompress((shared_data / "fermi" / "gll_psc_v35.fit.gz").read_bytes())


@pytest.fixture(scope="session")
def dr4(dr4_content, tmp_path_factory):
    """The published file of DR4, not gzipped."""
    path = tmp_path_factory.mktemp("dr4") / "gll_psc_v35.fit"
    path.write_bytes(dr4_content)
    return path
