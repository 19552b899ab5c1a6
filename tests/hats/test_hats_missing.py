# Licensed under a 3-clause BSD style license - see LICENSE
"""Without LSDB the package can be imported, and its functions say what is missing."""

import subprocess
import sys

CODE = """
import sys
sys.modules["lsdb"] = None  # as if it were not installed
from astropy import units as u
from astropy.table import Table
from astroquery_cfx.hats import crossmatch_hats, to_hats
from astroquery_cfx.errors import MissingDependencyError
calls = (
    lambda: crossmatch_hats("left", "right", 1 * u.deg),
    lambda: to_hats(Table(), "catalogue"),
)
for call in calls:
    try:
        call()
    except MissingDependencyError as error:
        assert 'pip install "astroquery_cfx[hats]"' in str(error)
    else:
        raise AssertionError("no error was raised")
"""


def test_what_is_missing_is_named():
    subprocess.run([sys.executable, "-c", CODE], check=True)
