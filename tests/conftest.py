# Licensed under a 3-clause BSD style license - see LICENSE
"""Fixtures that several rooms share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data():
    """Return the folder of real catalogues and recorded answers beside the checkout, if any."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("CFX_SHARED_DATA", default))
    if not folder.is_dir():
        pytest.skip("the shared data are not here")
    return folder


@pytest.fixture(scope="session")
def small_archive():
    """Run an embedded archive with a small simulated sky (3000 sources) and fermilpsc."""
    from astroquery_cfx.archive import EmbeddedArchive
    from astroquery_cfx.archive.fermilpsc import fermilpsc_table
    from astroquery_cfx.archive.sky import simulated_sky

    tables = simulated_sky(sources=3000, observations=300) | {"fermilpsc": fermilpsc_table()}
    with EmbeddedArchive(tables) as archive:
        yield archive
