# Licensed under a 3-clause BSD style license - see LICENSE
"""What every test may lean on: a private cache, the shared data, a running embedded archive."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def private_cache(tmp_path_factory):
    """Keep the tests out of the user's cache, and one test run out of another's."""
    folder = tmp_path_factory.mktemp("cache")
    (folder / "astropy").mkdir()
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_CACHE_HOME", str(folder))
    yield folder
    patch.undo()


@pytest.fixture(scope="session")
def shared_data():
    """Real catalogues and recorded answers that lie beside the checkout; not part of the project."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("CFX_SHARED_DATA", default))
    if not folder.is_dir():
        pytest.skip("the shared data are not here")
    return folder
