# Licensed under a 3-clause BSD style license - see LICENSE
"""
The embedded archive: simulated and local tables behind a real TAP service on loopback.

Needs the extra ``archive``: ``pip install "astroquery_cfx[archive]"``.
"""

from .behaviour import Behaviour
from .embedded import EmbeddedArchive, simulated_tables

__all__ = ["Behaviour", "EmbeddedArchive", "simulated_tables"]
