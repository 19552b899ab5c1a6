# Licensed under a 3-clause BSD style license - see LICENSE
"""Without LSDB the package works, and says what is missing where it is needed."""

import subprocess
import sys

CODE = """
import sys
sys.modules["lsdb"] = None  # as where it is not installed
from astropy import units as u
from astropy.table import Table
from astroquery_cfx.hats.crossmatch import crossmatch_hats, to_hats
from astroquery_cfx.errors import MissingDependencyError
for call in (lambda: crossmatch_hats("left", "right", 1 * u.deg), lambda: to_hats(Table(), "catalogue")):
    try:
        call()
    except MissingDependencyError as error:
        assert 'pip install "astroquery_cfx[hats]"' in str(error)
    else:
        raise AssertionError("nothing was said")
"""


def test_what_is_missing_is_named():
    subprocess.run([sys.executable, "-c", CODE], check=True)
