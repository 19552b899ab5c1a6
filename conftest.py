# Licensed under a 3-clause BSD style license - see LICENSE
"""What every test and every example of the documentation may lean on: a cache of its own."""

import pytest

collect_ignore_glob = ["tests/conftest.py", "tests/*/conftest.py"]  # they hold no examples
collect_ignore = ["docs/conf.py", "docs/gallery_figures.py", "docs/mathtext.py"]  # they need Sphinx


@pytest.fixture(scope="session", autouse=True)
def private_cache(tmp_path_factory):
    """Keep the tests out of the user's cache, and one test run out of another's."""
    folder = tmp_path_factory.mktemp("cache")
    (folder / "astropy").mkdir()
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_CACHE_HOME", str(folder))
    yield folder
    patch.undo()
