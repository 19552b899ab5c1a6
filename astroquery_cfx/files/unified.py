# Licensed under a 3-clause BSD style license - see LICENSE
"""Write tables to files and read them back: one call for all formats."""

from pathlib import Path

from astropy.table import Table

from ..errors import InvalidFileError, InvalidInputError
from . import csv, ecsv, fits, parquet, vot
from .aside import write_aside

FORMATS = {
    ".ecsv": "ecsv", ".csv": "csv",
    ".fits": "fits", ".fit": "fits", ".fits.gz": "fits", ".fit.gz": "fits",
    ".vot": "votable", ".xml": "votable",
    ".parquet": "parquet",
}  # fmt: skip
_MODULES = {"ecsv": ecsv, "csv": csv, "fits": fits, "votable": vot, "parquet": parquet}


def file_format(path: str | Path) -> str:
    """
    Return the format of a table file, from the end of its name.

    Parameters
    ----------
    path : str or `~pathlib.Path`
        The file, whether it exists or not.

    Returns
    -------
    str
        ``'ecsv'``, ``'csv'``, ``'fits'``, ``'votable'`` or ``'parquet'``.

    Raises
    ------
    InvalidInputError
        If the name has none of the endings in ``FORMATS``.

    Examples
    --------
    >>> from astroquery_cfx.files import file_format
    >>> file_format("gll_psc_v35.fit.gz")
    'fits'
    """
    name = Path(path).name.lower()
    for suffix, kind in FORMATS.items():
        if name.endswith(suffix):
            return kind
    raise InvalidInputError(
        f"{path} does not have the name of a table file.",
        remedy=f"let its name end in one of {', '.join(FORMATS)}.",
    )


def write_table(table: Table, path: str | Path) -> None:
    """
    Write a table so that `read_table` returns the same one.

    ECSV, FITS, VOTable and Parquet keep values, types, masks, units, descriptions and the meta of
    columns and table; what a format cannot express is JSON in its metadata, which other readers
    ignore. CSV keeps values, masks and the difference between text and numbers (text is quoted,
    numbers are not, a masked cell is empty), but no units and no meta.

    A list column (object type, a 1-D array in each cell) is a list in ECSV and Parquet. In FITS and
    VOTable a list of numbers is a variable-length array and a list of texts is JSON in one text; in
    CSV each list is JSON in a quoted field.

    The file is written whole or not at all. The same table gives the same bytes in ECSV and CSV.

    Parameters
    ----------
    table : `~astropy.table.Table`
        Columns of numbers, truth values, text, or lists of these.
    path : str or `~pathlib.Path`
        The file. The end of its name is the format: ``.ecsv``, ``.csv``, ``.fits`` (also
        ``.fits.gz``), ``.vot`` or ``.xml``, ``.parquet``.

    Raises
    ------
    InvalidInputError
        If the format is not known, or it cannot hold a column or its name.
    OutputError
        If the file cannot be written; an older one is unchanged.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from astropy.table import Table
    >>> from astroquery_cfx.files import read_table, write_table
    >>> table = Table({"name": ["a", "b"], "flux": np.empty(2, dtype=object)})
    >>> table["flux"][0], table["flux"][1] = np.array([1.5, 2.5]), np.array([])
    >>> path = Path(tempfile.mkdtemp()) / "lists.csv"
    >>> write_table(table, path)
    >>> print(path.read_text())
    "name","flux"
    "a","[1.5,2.5]"
    "b","[]"
    >>> read_table(path)["flux"][0]
    array([1.5, 2.5])
    """
    kind = file_format(path)
    for name in table.colnames:
        # A line break would end the header of a text format; FITS headers are ASCII.
        if not name.isprintable() or (kind == "fits" and not name.isascii()):
            raise InvalidInputError(
                f"A {kind} file cannot hold a column named {name!r}.",
                remedy="rename the column, e.g. with table.rename_column.",
            )
    with write_aside(path) as aside:
        _MODULES[kind].write(table, aside)


def read_table(path: str | Path) -> Table:
    """
    Read a table file, written by `write_table` or by another program.

    Parameters
    ----------
    path : str or `~pathlib.Path`
        The file. The end of its name is the format, as for `write_table`.

    Returns
    -------
    `~astropy.table.Table`
        The table. Text is str (not bytes), units are astropy units.

    Raises
    ------
    InvalidInputError
        If the format is not known.
    InvalidFileError
        If the file does not exist, is damaged, or is in another format than its name says.

    Examples
    --------
    See `write_table`.
    """
    kind = file_format(path)
    path = Path(path)
    if not path.is_file():
        raise InvalidFileError(f"There is no file {path}.", remedy="check the name.")
    try:
        return _MODULES[kind].read(path)
    except InvalidFileError:
        raise
    except Exception as error:  # damaged bytes make parsers raise errors of any type
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InvalidFileError(
            f"{path} is damaged, or not a {kind} file ({reason}).",
            remedy="get the file again, or give it the name of its format.",
        ) from error
