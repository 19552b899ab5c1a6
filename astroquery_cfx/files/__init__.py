# Licensed under a 3-clause BSD style license - see LICENSE
"""Files that are whole or absent, and tables to files and back without loss."""

from .aside import write_aside
from .tables import FORMATS, file_format, read_table, write_table

__all__ = ["FORMATS", "file_format", "read_table", "write_aside", "write_table"]
