# Licensed under a 3-clause BSD style license - see LICENSE
"""``python -m astroquery_cfx.cli``."""

import sys

from . import main

sys.exit(main())
