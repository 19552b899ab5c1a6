# Licensed under a 3-clause BSD style license - see LICENSE
"""Write a table as a HATS catalogue."""

from __future__ import annotations

import io
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.coordinates import Angle, SkyCoord
from astropy.table import Column, Table
from astroquery.exceptions import InputWarning

from ..arrays import angle_in_degrees, to_floats
from ..crossmatch.positions import Positions, as_table, find_positions
from ..errors import InvalidInputError, MissingDependencyError, OutputError
from ..files.parquet import to_arrow
from ..files.plain import plain_columns

__doctest_requires__ = {"to_hats": ["lsdb"]}

# The VOParquet convention (IVOA Note): a VOTable without rows describes the columns.
VOTABLE_KEY = b"IVOA.VOTable-Parquet.content"
# HEALPix order of the smallest partitions: pixels of 3.4 arcmin, far below any that are needed.
_HIGHEST_ORDER = 10


def require_lsdb() -> None:
    """Raise an error that says what to install if LSDB is missing."""
    if find_spec("lsdb") is None:
        raise MissingDependencyError(
            "Catalogues in the HATS format need LSDB, which is not installed.",
            remedy='pip install "astroquery_cfx[hats]".',
        )


def to_hats(
    table: Table,
    path: str | Path,
    *,
    coordinates: SkyCoord | str | tuple[str, str] | None = None,
    margin: u.Quantity | None = 0.1 * u.deg,
    partition_rows: int = 500_000,
    name: str | None = None,
    overwrite: bool = False,
) -> None:
    """
    Write a table as a HATS catalogue: Parquet files by place on the sky, which LSDB reads.

    Units, descriptions and UCDs are kept as HATS has them, in a VOTable in the Parquet metadata;
    ``meta['simulated']`` goes to the catalogue's properties. Other meta and formats are not kept.

    Parameters
    ----------
    table : `~astropy.table.Table` or `~astropy.table.QTable`, or a pandas or Arrow table
        The rows. A HATS catalogue has no place for those without a position: they are left out, and
        a warning says how many.
    path : str or path
        The folder to make, or an address that fsspec knows (``s3://...``).
    coordinates : `~astropy.coordinates.SkyCoord`, str, or tuple of two str, optional
        The positions, as for `~astroquery_cfx.crossmatch_tables`. Unless they are ICRS in degrees
        already, columns ``ra`` and ``dec`` are added.
    margin : `~astropy.units.Quantity` or None, optional
        Rows up to this far outside a partition are kept with it, too. It must be at least the
        largest radius of a match in which the catalogue is the right side. None for a catalogue
        that is only a left side.
    partition_rows : int, optional
        The largest number of rows in a partition, if the margin allows it: partitions are wider
        than the margin.
    name : str, optional
        Name of the catalogue; by default the last part of the path.
    overwrite : bool, optional
        Replace what is there.

    Raises
    ------
    InvalidInputError
        If no row has a position, or the margin is not an angle or is wider than HATS allows.
    OutputError
        If there is something already, or it cannot be written.
    MissingDependencyError
        If LSDB is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from astropy import units as u
    >>> from astropy.table import Table
    >>> from astroquery_cfx.hats import to_hats
    >>> table = Table({"source": ["a"], "ra": [10.0] * u.deg, "dec": [0.05] * u.deg})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_hats(table, f"{folder}/sources", margin=10 * u.arcsec)
    """
    require_lsdb()
    from hats.io.file_io.file_pointer import directory_has_contents, get_upath
    from hats.pixel_math.healpix_shim import margin2order, radec2pix

    table = as_table(table, "given")
    threshold, order = None, _HIGHEST_ORDER
    if margin is not None:
        angle_in_degrees(margin, "margin")
        threshold = float(Angle(margin).arcsec)
        # LSDB takes a margin from pixels that are wider than it, and smaller than any partition.
        order = min(int(margin2order(np.array([threshold / 60]))[0]) - 1, _HIGHEST_ORDER)
        if order < 0:
            raise InvalidInputError(
                f"A margin of {margin} is wider than the pixels of HATS allow.",
                remedy="give at most 18 deg.",
            )
    table, places = _place_rows(table, find_positions(table, coordinates, side="given"))
    target = get_upath(path)
    if directory_has_contents(target) and not overwrite:
        raise OutputError(
            f"{target} is there already.",
            kept="it is untouched.",
            remedy="choose another path, or overwrite=True.",
        )
    # LSDB refuses to put more rows than it was told in a partition of the highest order.
    pixels = radec2pix(order, *(to_floats(table[place]) for place in places))
    fullest = int(np.unique(pixels, return_counts=True)[1].max())
    partitions = {
        "partition_rows": max(partition_rows, fullest),
        "margin_threshold": threshold,
        "highest_order": order,
    }
    try:
        _write_catalog(table, places, target, name or target.name, partitions, overwrite=overwrite)
    except OSError as error:
        raise OutputError(
            f"The catalogue {target} could not be written: {error}",
            kept="what is there is not a whole catalogue.",
            remedy="make room, and write it again.",
        ) from error


def _place_rows(table: Table, positions: Positions) -> tuple[Table, tuple[str, ...]]:
    """Return the rows with a position, and their columns of ICRS degrees, added if need be."""
    usable = np.isfinite(positions.ra) & np.isfinite(positions.dec)
    if not usable.any():
        raise InvalidInputError(
            "No row of the table has a position.", remedy="a HATS catalogue needs at least one."
        )
    if not usable.all():
        warnings.warn(
            f"{np.sum(~usable)} of {len(table)} rows have no position and are left out: a HATS "
            "catalogue has no place for them.",
            InputWarning,
            stacklevel=3,
        )
    degrees = (positions.ra, positions.dec)
    if len(positions.columns) == 2 and all(
        np.array_equal(to_floats(table[column]), values, equal_nan=True)
        for column, values in zip(positions.columns, degrees, strict=True)
    ):
        return table[usable], positions.columns
    table = table.copy(copy_data=False)
    if len(positions.columns) == 1:  # a SkyCoord has no place in Parquet
        table.remove_column(positions.columns[0])
    names = next(
        pair
        for pair in (("ra", "dec"), ("ra_icrs", "dec_icrs"), ("_ra_icrs", "_dec_icrs"))
        if not set(pair) & set(table.colnames)
    )
    for column, values, ucd in zip(names, degrees, ("pos.eq.ra", "pos.eq.dec"), strict=True):
        table[column] = Column(values, unit=u.deg, description="ICRS position", meta={"ucd": ucd})
    return table[usable], names


def _write_catalog(table, places, target, name, partitions, *, overwrite):
    """Write the catalogue, then the description of its columns in its Parquet metadata."""
    import lsdb
    import pyarrow as pa
    from astropy.io.votable import from_table
    from hats.io.file_io import read_parquet_metadata, write_parquet_metadata
    from hats.io.paths import get_common_metadata_pointer
    from nested_pandas.nestedframe.io import from_pyarrow

    columns = list(plain_columns(table))
    frame = from_pyarrow(pa.table({column.name: to_arrow(column) for column in columns}))
    ra, dec = places
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "from_dataframe is not intended for large", RuntimeWarning
        )
        catalog = lsdb.from_dataframe(
            frame, ra_column=ra, dec_column=dec, catalog_name=name, **partitions
        )
    simulated = table.meta.get("simulated")
    catalog.write_catalog(
        target,
        catalog_name=name,
        overwrite=overwrite,
        progress_bar=False,
        addl_hats_properties={"simulated": simulated} if simulated else None,
    )
    text = io.BytesIO()
    names = [column.name for column in columns if not column.is_list]
    with warnings.catch_warnings():
        # VOUnit deprecates erg, which X-ray and gamma-ray catalogues use.
        warnings.filterwarnings("ignore", category=u.UnitsWarning)
        from_table(Table(table[names][:0])).to_xml(text)
    described = {VOTABLE_KEY: text.getvalue(), b"IVOA.VOTable-Parquet.version": b"1.0"}
    pointer = get_common_metadata_pointer(target / name)
    schema = read_parquet_metadata(pointer).schema.to_arrow_schema()
    write_parquet_metadata(schema.with_metadata((schema.metadata or {}) | described), pointer)
