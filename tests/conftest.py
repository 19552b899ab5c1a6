# Licensed under a 3-clause BSD style license - see LICENSE
"""What the tests may lean on: real catalogues that lie beside the checkout."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data():
    """Real catalogues and recorded answers that lie beside the checkout; not part of the project."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("CFX_SHARED_DATA", default))
    if not folder.is_dir():
        pytest.skip("the shared data are not here")
    return folder


@pytest.fixture(scope="session")
def small_archive():
    """A running embedded archive with a simulated sky of 3000 sources and 300 observations, and fermilpsc."""
    from astroquery_cfx.archive import EmbeddedArchive
    from astroquery_cfx.archive.fermilpsc import fermilpsc_table
    from astroquery_cfx.archive.sky import simulated_sky

    tables = simulated_sky(sources=3000, observations=300) | {"fermilpsc": fermilpsc_table()}
    with EmbeddedArchive(tables) as archive:
        yield archive
