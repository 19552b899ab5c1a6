# Licensed under a 3-clause BSD style license - see LICENSE
"""An archive that serves the table ``stars`` of each file of tests."""

import pytest

from astroquery_cfx.archive import EmbeddedArchive


@pytest.fixture(scope="module")
def archive(stars):
    with EmbeddedArchive({"stars": stars}) as running:
        yield running
