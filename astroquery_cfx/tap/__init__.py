# Licensed under a 3-clause BSD style license - see LICENSE
"""The whole result of a TAP query, or an error. Knows no catalogue."""

from .complete import complete_query
from .schema import Schema
from .store import clear_cache
from .transport import Transport

__all__ = ["Schema", "Transport", "clear_cache", "complete_query"]
