# Licensed under a 3-clause BSD style license - see LICENSE
"""Write tables to files and read them back without loss; write any file whole or not at all.

``unified`` chooses the format: ``csv``, ``ecsv``, ``fits``, ``parquet`` or ``vot`` (VOTable). They
write the plain columns of ``plain``; FITS and VOTable share ``nulls``. ``aside`` writes a file
under another name and renames it.
"""

from .aside import write_aside
from .unified import FORMATS, file_format, read_table, write_table

__all__ = ["FORMATS", "file_format", "read_table", "write_aside", "write_table"]
