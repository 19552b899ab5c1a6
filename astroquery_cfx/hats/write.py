# Licensed under a 3-clause BSD style license - see LICENSE
"""to_hats: a table as a HATS catalogue, for `~astroquery_cfx.hats.crossmatch`."""

import io
import warnings
from importlib.util import find_spec

import numpy as np
from astropy import units as u
from astropy.table import Column, Table
from astroquery.exceptions import InputWarning

from ..arrays import to_floats
from ..crossmatch.positions import as_table, find_positions
from ..errors import InvalidInputError, MissingDependencyError, OutputError
from ..files.parquet import to_arrow
from ..files.plain import plain_columns

__all__ = ["VOTABLE_KEY", "require_lsdb", "to_hats"]
__doctest_requires__ = {"to_hats": ["lsdb"]}

VOTABLE_KEY = b"IVOA.VOTable-Parquet.content"


def require_lsdb():
    """Say what to install where LSDB is missing."""
    if find_spec("lsdb") is None:
        raise MissingDependencyError(
            "Catalogues in the HATS format need LSDB, which is not installed.",
            remedy='pip install "astroquery_cfx[hats]".',
        )


def to_hats(
    table,
    path,
    *,
    coordinates=None,
    margin=0.1 * u.deg,
    partition_rows=500_000,
    name=None,
    overwrite=False,
):
    """
    Write a table as a HATS catalogue: Parquet files by place on the sky, which LSDB and others read.

    Units, descriptions and UCDs are kept as HATS has them, in a VOTable in the Parquet metadata;
    ``meta['simulated']`` goes to the catalogue's properties. Other meta and formats are not kept.

    Parameters
    ----------
    table : `~astropy.table.Table` or `~astropy.table.QTable`, or a pandas or Arrow table
        The rows. Those without a position have no place in a HATS catalogue: they are left out, and a
        warning says how many.
    path : str or path
        The folder to make, or an address that fsspec knows (``s3://...``).
    coordinates : `~astropy.coordinates.SkyCoord`, str, or tuple of two str, optional
        The positions, as for `~astroquery_cfx.crossmatch_tables`. Where they are not ICRS in degrees
        already, columns ``ra`` and ``dec`` are added.
    margin : `~astropy.units.Quantity` or None, optional
        How far around each partition rows are kept with it: at least the largest radius that the
        catalogue is to be the right side of. None for a catalogue that is only a left side.
    partition_rows : int, optional
        The largest number of rows in a partition, where the margin allows: partitions are wider than it.
    name : str, optional
        Name of the catalogue; by default the last part of the path.
    overwrite : bool, optional
        Replace what is there.

    Raises
    ------
    InvalidInputError
        If no row has a position, or the margin is no angle or wider than HATS allows.
    OutputError
        If there is something already, or it cannot be written.
    MissingDependencyError
        If LSDB is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from astropy import units as u
    >>> from astropy.table import Table
    >>> from astroquery_cfx.hats.crossmatch import to_hats
    >>> table = Table({"source": ["a"], "ra": [10.0] * u.deg, "dec": [0.05] * u.deg})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_hats(table, f"{folder}/sources", margin=10 * u.arcsec)
    """
    require_lsdb()
    from hats.io.file_io import directory_has_contents, get_upath

    table = as_table(table, "given")
    threshold, order = _margin(margin)
    table, places = _placed(table, find_positions(table, coordinates, side="given"))
    target = get_upath(path)
    name = name or target.name
    if directory_has_contents(target) and not overwrite:
        raise OutputError(
            f"{target} is there already.",
            kept="it is untouched.",
            remedy="choose another path, or overwrite=True.",
        )
    try:
        _write(
            table,
            places,
            target,
            name,
            overwrite,
            {
                "partition_rows": max(partition_rows, _most_rows(table, places, order)),
                "margin_threshold": threshold,
                "highest_order": order,
            },
        )
    except OSError as error:
        raise OutputError(
            f"The catalogue {target} could not be written: {error}",
            kept="what is there is no whole catalogue.",
            remedy="make room, and write it again.",
        ) from error


def _margin(margin):
    """The margin in arcsec, and the highest order of partitions that are wider than it."""
    from hats.pixel_math.healpix_shim import margin2order

    if margin is None:
        return None, 10
    if (
        not isinstance(margin, u.Quantity)
        or not margin.unit.is_equivalent(u.deg)
        or margin.shape
        or not margin >= 0
    ):
        raise InvalidInputError(
            f"The margin {margin!r} is no angle with a unit.",
            remedy="give it a unit, e.g. 0.1*u.deg.",
        )
    threshold = float(margin.to_value(u.arcsec))
    order = int(margin2order(np.array([threshold / 60]))[0]) - 1
    if order < 0:
        raise InvalidInputError(
            f"A margin of {margin} is wider than the pixels of HATS allow.",
            remedy="give at most 18 deg.",
        )
    return threshold, min(order, 10)


def _most_rows(table, places, order):
    """The rows of the fullest pixel of an order, for LSDB makes no partition with more than it is told."""
    from hats.pixel_math.healpix_shim import radec2pix

    return int(
        np.unique(
            radec2pix(order, *(to_floats(table[name]) for name in places)), return_counts=True
        )[1].max()
    )


def _placed(table, positions):
    """The rows that have a position, with columns of it, and the names of those columns."""
    usable = np.isfinite(positions.ra) & np.isfinite(positions.dec)
    if not usable.any():
        raise InvalidInputError(
            "No row of the table has a position.", remedy="a HATS catalogue needs one at least."
        )
    if not usable.all():
        warnings.warn(
            f"{np.sum(~usable)} of {len(table)} rows have no position and are left out: a HATS "
            "catalogue has no place for them.",
            InputWarning,
            stacklevel=3,
        )
    values = (positions.ra, positions.dec)
    if len(positions.columns) == 2 and all(
        np.array_equal(to_floats(table[column]), value, equal_nan=True)
        for column, value in zip(positions.columns, values, strict=True)
    ):
        return table[usable], positions.columns
    table = table.copy(copy_data=False)
    if len(positions.columns) == 1:
        table.remove_column(positions.columns[0])
    names = next(
        pair
        for pair in (("ra", "dec"), ("ra_icrs", "dec_icrs"), ("_ra_icrs", "_dec_icrs"))
        if not set(pair) & set(table.colnames)
    )
    for column, value, ucd in zip(names, values, ("pos.eq.ra", "pos.eq.dec"), strict=True):
        table[column] = Column(value, unit=u.deg, description="ICRS position", meta={"ucd": ucd})
    return table[usable], names


def _write(table, places, target, name, overwrite, partitions):
    import lsdb
    import pyarrow as pa
    from nested_pandas.nestedframe.io import from_pyarrow

    frame = from_pyarrow(
        pa.table({column.name: to_arrow(column) for column in plain_columns(table)})
    )
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "from_dataframe is not intended for large", RuntimeWarning
        )
        catalog = lsdb.from_dataframe(
            frame, ra_column=places[0], dec_column=places[1], catalog_name=name, **partitions
        )
    simulated = table.meta.get("simulated")
    catalog.write_catalog(
        target,
        catalog_name=name,
        overwrite=overwrite,
        progress_bar=False,
        addl_hats_properties={"simulated": simulated} if simulated else None,
    )
    _describe(table, target / name)


def _describe(table, folder):
    """Put units, descriptions and UCDs where the standard of VOTables in Parquet files wants them."""
    from astropy.io.votable import from_table
    from hats.io.file_io import read_parquet_metadata, write_parquet_metadata
    from hats.io.paths import get_common_metadata_pointer

    text, pointer = io.BytesIO(), get_common_metadata_pointer(folder)
    names = [column.name for column in plain_columns(table) if not column.is_list]
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", category=u.UnitsWarning
        )  # VOUnit would rather not have erg
        from_table(Table(table[names][:0])).to_xml(text)
    schema = read_parquet_metadata(pointer).schema.to_arrow_schema()
    write_parquet_metadata(
        schema.with_metadata(
            (schema.metadata or {})
            | {VOTABLE_KEY: text.getvalue(), b"IVOA.VOTable-Parquet.version": b"1.0"}
        ),
        pointer,
    )
