# Licensed under a 3-clause BSD style license - see LICENSE
"""
The embedded archive: simulated and local tables behind a real TAP service on loopback.

Needs the extra ``archive``: ``pip install "astroquery_cfx[archive]"``.

``embedded`` starts it. A request goes from ``web`` (HTTP) to ``resources`` or ``jobs``, and on to
``service``. ``translate``, ``names``, ``geometry`` and ``language`` turn ADQL into the SQL of
``database`` (DuckDB, fed by ``arrow``), and ``serialize`` writes the answer. ``metadata`` and
``tap_schema`` describe the tables, ``behaviour`` has the habits of HEASARC and DaCHS, and ``sky``
simulates the tables.
"""

from .behaviour import Behaviour
from .embedded import EmbeddedArchive, simulated_tables

__all__ = ["Behaviour", "EmbeddedArchive", "simulated_tables"]
