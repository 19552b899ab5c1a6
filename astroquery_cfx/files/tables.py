# Licensed under a 3-clause BSD style license - see LICENSE
"""Tables to files and back: one call for every format."""

from importlib import import_module
from pathlib import Path

from ..errors import InvalidFileError, InvalidInputError
from .aside import write_aside

__all__ = ["FORMATS", "file_format", "read_table", "write_table"]

FORMATS = {
    ".ecsv": "ecsv",
    ".csv": "csv",
    ".fits": "fits",
    ".fit": "fits",
    ".fits.gz": "fits",
    ".fit.gz": "fits",
    ".vot": "votable",
    ".xml": "votable",
    ".parquet": "parquet",
}


def file_format(path):
    """
    Format of a table file, by the end of its name.

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
        If the name ends in none of the known ways.

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
        f"{path} does not end like a table file.",
        remedy=f"let its name end in one of {', '.join(FORMATS)}.",
    )


def write_table(table, path):
    """
    Write a table so that `read_table` gives the same one back.

    ECSV, FITS, VOTable and Parquet keep values, types, masks, units,
    descriptions, the columns' and the table's meta. CSV keeps values, masks
    and the difference between text and numbers (text is quoted, numbers are
    not, a masked cell is empty), and nothing else: no units, no meta.

    A list column (object type, a 1-D array in each cell) is a list in ECSV
    and Parquet. In FITS and VOTable a list of numbers is a variable-length
    array and a list of texts is JSON in one text; in CSV each list is JSON
    in a quoted field. What a format cannot say in its own words (a text
    that ends in blanks in FITS, an exact type) stands in a block of JSON in
    the file's metadata, which other readers ignore.

    The file is whole or absent: written aside, then renamed. The bytes of
    an ECSV or CSV file depend on the table only.

    Parameters
    ----------
    table : `~astropy.table.Table`
        Columns of numbers, truth values, text, or lists of these.
    path : str or `~pathlib.Path`
        The file; the end of its name is the format: ``.ecsv``, ``.csv``,
        ``.fits`` (also ``.fits.gz``), ``.vot`` or ``.xml``, ``.parquet``.

    Raises
    ------
    InvalidInputError
        If the format is not known, a column is of a kind that files do not hold, or its name
        is one that the format does not hold.
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
    module = _module(path)
    _check_names(table.colnames, file_format(path))
    with write_aside(path) as aside:
        module.write(table, aside)


def _check_names(names, form):
    """Line breaks end a header in text formats; the headers of FITS are ASCII."""
    bad = [
        name for name in names if not name.isprintable() or (form == "fits" and not name.isascii())
    ]
    if bad:
        raise InvalidInputError(
            f"A {form} file cannot hold a column named {bad[0]!r}.",
            remedy="rename the column, e.g. with table.rename_column.",
        )


def read_table(path):
    """
    Read a table file: one of `write_table`, or of another program.

    Parameters
    ----------
    path : str or `~pathlib.Path`
        The file; the end of its name is the format, as for `write_table`.

    Returns
    -------
    `~astropy.table.Table`
        The table. Text is text (not bytes), units are astropy units.

    Raises
    ------
    InvalidInputError
        If the format is not known.
    InvalidFileError
        If the file is absent, damaged, cut, or of another format than its name says.

    Examples
    --------
    See `write_table`.
    """
    module = _module(path)
    path = Path(path)
    if not path.is_file():
        raise InvalidFileError(f"There is no file {path}.", remedy="check the name.")
    try:
        return module.read(path)
    except InvalidFileError:
        raise
    except Exception as error:  # parsers fail on damaged bytes in every way there is
        words = (str(error) or type(error).__name__).splitlines()[0]
        raise InvalidFileError(
            f"{path} is damaged, or is no {file_format(path)} file ({words}).",
            remedy="get the file again, or let its name end as its format demands.",
        ) from error


def _module(path):
    return import_module(f".{file_format(path)}", __package__)
