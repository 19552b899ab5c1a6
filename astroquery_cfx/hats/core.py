# Licensed under a 3-clause BSD style license - see LICENSE
"""Cross-match two HATS catalogues, which may be larger than memory, by way of LSDB on Dask.

LSDB reads the catalogues partition by partition and brings each left partition together with the
right rows in and around it; the algorithms in ``algorithms.py`` match these.
"""

from __future__ import annotations

import io
import warnings
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from astropy import units as u
from astropy.table import Table

from ..crossmatch.ellipse import ErrorEllipse
from ..crossmatch.tables import OWN_COLUMNS, check_choice, output_names
from ..errors import InvalidFileError
from .algorithms import EllipsePairs, RadiusPairs
from .write import VOTABLE_KEY, require_lsdb

if TYPE_CHECKING:
    from lsdb.catalog.catalog import Catalog

__doctest_requires__ = {"*": ["lsdb"]}

# LSDB adds these to all names of columns. No column has them in its name (they hold a control
# character), so that they can be replaced with the prefixes afterwards.
_SUFFIXES = ("\x1fleft", "\x1fright")


def crossmatch_hats(
    left_catalog: Catalog | str | Path,
    right_catalog: Catalog | str | Path,
    radius: u.Quantity | str | ErrorEllipse,
    *,
    join: str = "inner",
    left_ellipse: ErrorEllipse | None = None,
    units: dict[str, Any] | None = None,
    prefixes: tuple[str, str] = ("left_", "right_"),
    prefix_all: bool = False,
    name: str | None = None,
) -> Catalog:
    """
    Find the pairs of rows of two HATS catalogues that lie within a radius, or an error ellipse.

    The pairs are those of `~astroquery_cfx.crossmatch_tables`, found lazily: until ``compute()`` or
    ``write_catalog()`` of the result, only the columns of the radius or of the ellipses are read.

    Parameters
    ----------
    left_catalog, right_catalog : ``lsdb.catalog.Catalog``, str or path
        The two sides, or where they are: a folder, or an address that fsspec knows (``s3://...``).
        The right one needs a margin at least as wide as the largest radius; the left one needs
        none.
    radius : `~astropy.units.Quantity`, str or `~astroquery_cfx.ErrorEllipse`
        The largest separation: one for all, or the name of a column of the right catalogue; or the
        error ellipses of the right catalogue.
    join : {'inner', 'left'}, optional
        Whether left rows without a partner are kept, with the columns of the right side missing.
    left_ellipse : `~astroquery_cfx.ErrorEllipse`, optional
        The error ellipses of the left catalogue, if ``radius`` is one.
    units : dict of str to `~astropy.units.Unit` or str, optional
        Units of the named columns, if a catalogue does not have them.
    prefixes : tuple of two str, optional
        What goes before the names of columns that both sides have.
    prefix_all : bool, optional
        Put the prefixes before all names of columns.
    name : str, optional
        Name of the catalogue of pairs.

    Returns
    -------
    ``lsdb.catalog.Catalog``
        The pairs, not yet computed: the columns of both sides, ``separation`` and
        ``position_angle`` (deg, of the left row as seen from the right row, east of north), and
        with ellipses ``ellipse_offset``. Rows are ordered by partition, right row and separation.

    Raises
    ------
    InvalidInputError
        If the right catalogue's margin is narrower than the largest radius, if a radius or an
        ellipse has no unit or is not valid, or if names collide. All of this is checked before any
        pair is looked for.
    InvalidFileError
        If a path is not that of a HATS catalogue.
    MissingDependencyError
        If LSDB is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from astropy import units as u
    >>> from astropy.table import Table
    >>> from astroquery_cfx.hats import crossmatch_hats, to_hats
    >>> folder = tempfile.TemporaryDirectory()
    >>> left = Table({"name": ["a", "b"], "ra": [10.0, 40.0] * u.deg, "dec": [0.0, 0.0] * u.deg})
    >>> right = Table({"source": ["c"], "ra": [10.0] * u.deg, "dec": [0.05] * u.deg})
    >>> to_hats(left, f"{folder.name}/left")
    >>> to_hats(right, f"{folder.name}/right", margin=0.1 * u.deg)
    >>> pairs = crossmatch_hats(f"{folder.name}/left", f"{folder.name}/right", 0.1 * u.deg)
    >>> pairs.compute(progress_bar=False)[["name", "source", "separation"]].values.tolist()
    [['a', 'c', 0.05]]
    >>> folder.cleanup()
    """
    require_lsdb()
    from mocpy import MOC

    check_choice("join", join, ("inner", "left"))
    left, right = _open(left_catalog, "left"), _open(right_catalog, "right")
    kind = EllipsePairs if isinstance(radius, ErrorEllipse) else RadiusPairs
    left_columns, right_columns = (Table(names=list(side.columns)) for side in (left, right))
    own = OWN_COLUMNS + ("ellipse_offset",) * isinstance(radius, ErrorEllipse)
    names = output_names(left_columns, right_columns, prefixes, prefix_all, own)
    algorithm = kind(
        radius,
        left_ellipse=left_ellipse,
        left_units=_read_units(left) | (units or {}),
        right_units=_read_units(right) | (units or {}),
    )
    # LSDB leaves out left partitions that are not near the coverage map of the right catalogue. It
    # widens that map by one pixel about as wide as the margin, but pixels can be a third narrower,
    # and pairs would be lost. Without the map it compares partitions, which is enough.
    everywhere = copy(right)
    everywhere.hc_structure = copy(right.hc_structure)
    everywhere.hc_structure.moc = MOC.from_string("0/0-11")
    pairs = left.crossmatch(
        everywhere,
        algorithm=algorithm,
        how=join,
        suffixes=_SUFFIXES,
        suffix_method="all_columns",
        output_catalog_name=name,
    )
    infos = [catalog.hc_structure.catalog_info for catalog in (left, right)]
    simulated = dict.fromkeys(getattr(info, "simulated", None) or "" for info in infos)
    if any(simulated):
        structure, text = pairs.hc_structure, " ".join(filter(None, simulated))
        structure.catalog_info = structure.catalog_info.copy_and_update(simulated=text)
    sides = zip(names, _SUFFIXES, strict=True)
    return pairs.rename({old + end: new for side, end in sides for old, new in side.items()})


def _open(catalog, side):
    import lsdb

    if isinstance(catalog, lsdb.catalog.Catalog):
        return catalog
    try:
        return lsdb.open_catalog(catalog, columns="all")
    except (OSError, ValueError, TypeError) as error:
        raise InvalidFileError(
            f"The {side} catalogue {str(catalog)!r} is not a HATS catalogue: {error}",
            remedy="write one with to_hats, or name the folder of its properties.",
        ) from error


def _read_units(catalog: Any) -> dict[str, Any]:
    """Return the units of columns that the VOTable in the Parquet metadata has."""
    from astropy.io.votable import parse

    schema = catalog.hc_structure.original_schema
    content = (schema.metadata or {}).get(VOTABLE_KEY) if schema is not None else None
    if content is None:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # faults in the VOTables of other programs are not ours
        table = next(parse(io.BytesIO(content)).iter_tables(), None)
    fields = [] if table is None else table.fields
    return {field.name: field.unit for field in fields if getattr(field, "unit", None) is not None}
