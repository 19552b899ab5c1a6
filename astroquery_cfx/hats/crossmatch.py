# Licensed under a 3-clause BSD style license - see LICENSE
"""Cross-match of catalogues that are larger than memory: HATS catalogues, by way of LSDB on Dask.

LSDB reads the catalogues partition by partition and brings each left partition together with the right
rows in and around it; this module brings the kernel of `~astroquery_cfx.crossmatch_tables`, and sees
to it that no pair is lost at the borders. It needs the extra ``astroquery_cfx[hats]``.
"""

import io
import warnings
from copy import copy
from types import SimpleNamespace

import numpy as np
from astropy.table import Table

from ..crossmatch.ellipse import ErrorEllipse
from ..crossmatch.pairs import parse_quantity, read_radius, read_region
from ..crossmatch.positions import Positions
from ..crossmatch.sphere import position_angle
from ..crossmatch.tables import check_choice, output_names
from ..errors import InvalidFileError, InvalidInputError
from .write import VOTABLE_KEY, require_lsdb, to_hats

try:  # a base class is needed when the module is read; without the extra the functions say what is missing
    import pandas as pd

    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "The 'mode.chained_assignment' option"
        )  # LSDB sets it all the same
        from lsdb.core.crossmatch.abstract_crossmatch_algorithm import AbstractCrossmatchAlgorithm
except ImportError:
    pd, AbstractCrossmatchAlgorithm = None, object

__all__ = ["EllipsePairs", "RadiusPairs", "crossmatch_hats", "to_hats"]
__doctest_requires__ = {"*": ["lsdb"]}

_SUFFIXES = ("\x1fleft", "\x1fright")  # in no name of a column; they give way to the prefixes


def crossmatch_hats(
    left_catalog,
    right_catalog,
    radius,
    *,
    join="inner",
    left_ellipse=None,
    units=None,
    prefixes=("left_", "right_"),
    prefix_all=False,
    name=None,
):
    """
    Pairs of rows of two HATS catalogues that lie within a radius, or in the error ellipse, on the sky.

    The pairs are those of `~astroquery_cfx.crossmatch_tables`, found lazily: nothing but the columns of
    the radius or of the ellipses is read before ``compute()`` or ``write_catalog()`` of the result.

    Parameters
    ----------
    left_catalog, right_catalog : ``lsdb.catalog.Catalog``, str or path
        The two sides, or where they are: a folder, or an address that fsspec knows (``s3://...``).
        The right one needs a margin at least as wide as the largest radius; the left one needs none.
    radius : `~astropy.units.Quantity`, str or `~astroquery_cfx.ErrorEllipse`
        The largest separation: one for all, or the name of a column of the right catalogue; or the
        error ellipses of the right catalogue.
    join : {'inner', 'left'}, optional
        Whether left rows without a partner are kept, the columns of the right side missing.
    left_ellipse : `~astroquery_cfx.ErrorEllipse`, optional
        The error ellipses of the left catalogue, where ``radius`` is one.
    units : dict of str to `~astropy.units.Unit` or str, optional
        Units of the named columns, where a catalogue does not tell them.
    prefixes : tuple of two str, optional
        What goes before the names of columns that both sides have.
    prefix_all : bool, optional
        Put the prefixes before all names of columns.
    name : str, optional
        Name of the catalogue of pairs.

    Returns
    -------
    ``lsdb.catalog.Catalog``
        The pairs, not yet computed: the columns of both sides, ``separation`` and ``position_angle``
        (deg, of the left row as seen from the right row, east of north), and with ellipses
        ``ellipse_offset``. The rows follow the partitions, in each by right row and separation.

    Raises
    ------
    InvalidInputError
        If the right catalogue's margin is narrower than the largest radius, if a radius or an ellipse
        has no unit or is none, or if names collide. No pair has been looked for then.
    InvalidFileError
        If a path holds no HATS catalogue.
    MissingDependencyError
        If LSDB is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from astropy import units as u
    >>> from astropy.table import Column, Table
    >>> from astroquery_cfx.hats.crossmatch import crossmatch_hats, to_hats
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
    check_choice("join", join, ("inner", "left"))
    left, right = _opened(left_catalog, "left"), _opened(right_catalog, "right")
    kind = EllipsePairs if isinstance(radius, ErrorEllipse) else RadiusPairs
    names = output_names(
        SimpleNamespace(colnames=list(left.columns)),
        SimpleNamespace(colnames=list(right.columns)),
        prefixes,
        prefix_all,
        tuple(kind.extra_columns),
    )
    algorithm = kind(
        radius,
        left_ellipse=left_ellipse,
        left_units=_units(left) | (units or {}),
        right_units=_units(right) | (units or {}),
    )
    pairs = left.crossmatch(
        _with_whole_sky(right),
        algorithm=algorithm,
        how=join,
        suffixes=_SUFFIXES,
        suffix_method="all_columns",
        output_catalog_name=name,
    )
    return _with_simulated(pairs, left, right).rename(
        {
            old + suffix: new
            for side, suffix in zip(names, _SUFFIXES, strict=True)
            for old, new in side.items()
        }
    )


def _opened(catalog, side):
    from lsdb import open_catalog
    from lsdb.catalog import Catalog

    if isinstance(catalog, Catalog):
        return catalog
    try:
        return open_catalog(catalog, columns="all")
    except (OSError, ValueError, TypeError) as error:
        raise InvalidFileError(
            f"The {side} catalogue {str(catalog)!r} is no HATS catalogue: {error}",
            remedy="write one with to_hats, or name the folder of its properties.",
        ) from error


def _with_whole_sky(catalog):
    """
    The catalogue without a coverage map.

    LSDB leaves out the left partitions that are not near the right side's coverage, of which it takes
    too little where the margin is wide (one pixel about as wide as the margin on average, and by a third
    narrower at places). The partitions themselves tell enough.
    """
    from mocpy import MOC

    other = copy(catalog)
    other.hc_structure = copy(catalog.hc_structure)
    other.hc_structure.moc = MOC.from_string("0/0-11")
    return other


def _units(catalog):
    """Units of the columns, as the VOTable in the Parquet metadata tells them."""
    from astropy.io.votable import parse

    schema = catalog.hc_structure.original_schema
    content = (schema.metadata or {}).get(VOTABLE_KEY) if schema is not None else None
    if content is None:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other programs' VOTables are not ours to complain about
        table = next(parse(io.BytesIO(content)).iter_tables(), None)
    return (
        {}
        if table is None
        else {
            field.name: field.unit
            for field in table.fields
            if getattr(field, "unit", None) is not None
        }
    )


def _with_simulated(pairs, left, right):
    """The catalogue of pairs; its properties say what those of the sides say of simulated data."""
    said = [
        getattr(catalog.hc_structure.catalog_info, "simulated", None) for catalog in (left, right)
    ]
    said = list(dict.fromkeys(sentence for sentence in said if sentence))
    if said:
        info = pairs.hc_structure.catalog_info
        pairs.hc_structure.catalog_info = info.copy_and_update(simulated=" ".join(said))
    return pairs


def _empty_columns(*names):
    """What LSDB wants to know of the columns that an algorithm adds."""
    return (
        None
        if pd is None
        else pd.DataFrame({name: pd.Series(dtype="double[pyarrow]") for name in names})
    )


class RadiusPairs(AbstractCrossmatchAlgorithm):
    """
    All pairs within a radius, as an algorithm for LSDB's ``Catalog.crossmatch``.

    Parameters
    ----------
    radius : `~astropy.units.Quantity` or str
        One angle for all, or the name of a column of the right catalogue.
    left_ellipse : None
        For `EllipsePairs` only.
    left_units, right_units : dict of str to `~astropy.units.Unit` or str, optional
        Units of the columns that are named.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astroquery_cfx.hats.crossmatch import RadiusPairs
    >>> list(RadiusPairs(0.1 * u.deg).extra_columns)
    ['separation', 'position_angle']
    """

    extra_columns = _empty_columns("separation", "position_angle")

    def __init__(self, radius, *, left_ellipse=None, left_units=None, right_units=None):
        self.radius, self.left_ellipse = radius, left_ellipse
        self.units = {"left": dict(left_units or {}), "right": dict(right_units or {})}

    def validate(self, left, right):
        """
        Check the radii, and that the right catalogue's margin covers them, before any pair is looked for.

        Parameters
        ----------
        left, right : ``lsdb.catalog.Catalog``
            The two sides.

        Raises
        ------
        InvalidInputError
            If they are no radii, or the margin is narrower than the largest.
        """
        if any(np.ndim(part) for side in ("left", "right") for part in self._parts(side)):
            raise InvalidInputError(
                "There is a radius for each row, but rows of catalogues have no numbers.",
                remedy="name a column of the catalogue, or give one for all.",
            )
        tables = [
            self._table(catalog.meta, catalog.hc_structure.catalog_info, side)
            for catalog, side in ((left, "left"), (right, "right"))
        ]
        read_region(self.radius, self.left_ellipse, *tables)
        _check_margin(right, self._largest_reach(left, right))

    def perform_crossmatch(self, crossmatch_args):
        """
        Pairs of one left partition with the right rows in and around it.

        Parameters
        ----------
        crossmatch_args : ``lsdb.core.crossmatch.crossmatch_args.CrossmatchArgs``
            The rows, and what is known of the catalogues.

        Returns
        -------
        i, j : `~numpy.ndarray` of int
            Rows of the two sides.
        columns : ``pandas.DataFrame``
            The columns that are added.
        """
        left = self._table(crossmatch_args.left_df, crossmatch_args.left_catalog_info, "left")
        right = self._table(crossmatch_args.right_df, crossmatch_args.right_catalog_info, "right")
        sides = [
            Positions(*(table[name].data for name in table.colnames[:2]), tuple(table.colnames[:2]))
            for table in (left, right)
        ]
        pairs = read_region(self.radius, self.left_ellipse, left, right).pairs(*sides)
        angle = position_angle(
            sides[1].ra[pairs.right],
            sides[1].dec[pairs.right],
            sides[0].ra[pairs.left],
            sides[0].dec[pairs.left],
        )
        values = (pairs.separation, angle, pairs.offset)
        return (
            pairs.left,
            pairs.right,
            pd.DataFrame(
                {
                    name: pd.Series(column, dtype="double[pyarrow]")
                    for name, column in zip(self.extra_columns, values, strict=False)
                }
            ),
        )

    def _parts(self, side):
        """What was given of a side: angles, or names of columns."""
        given = self.radius if side == "right" else self.left_ellipse
        return (
            [given.major, given.minor, given.angle] if isinstance(given, ErrorEllipse) else [given]
        )

    def _named(self, frame, side):
        """The columns that are named, for a radius may also be an angle in words."""
        return [
            part
            for part in self._parts(side)
            if isinstance(part, str)
            and (
                part in frame.columns
                or isinstance(self.radius, ErrorEllipse)
                or parse_quantity(part) is None
            )
        ]

    def _table(self, frame, info, side):
        """Longitude, latitude and the named columns of a partition."""
        names = list(dict.fromkeys([info.ra_column, info.dec_column, *self._named(frame, side)]))
        missing = [name for name in names if name not in frame.columns]
        if missing:
            raise InvalidInputError(
                f"The {side} catalogue has, or loads, no column {', '.join(map(repr, missing))}.",
                remedy=f"its columns are {', '.join(frame.columns)}.",
            )
        table = Table({name: _floats(frame[name], name, side) for name in names})
        for name in names[2:]:
            table[name].unit = self.units[side].get(name)
        return table

    def _largest_reach(self, left, right):
        """The largest separation in degrees that a pair can have."""
        reach = _largest(right, self, "right")
        return reach if self.left_ellipse is None else np.hypot(reach, _largest(left, self, "left"))

    def reach(self, frame, side):
        """
        How far each row of a partition reaches.

        Parameters
        ----------
        frame : ``pandas.DataFrame``
            Rows of a side, with the columns that are named.
        side : {'left', 'right'}
            The side.

        Returns
        -------
        `~numpy.ndarray`
            Degrees, NaN where there is no radius.
        """
        table = Table(
            {name: _floats(frame[name], name, side) for name in frame.columns},
            units={name: self.units[side].get(name) for name in frame.columns},
        )
        given = self.radius if side == "right" else self.left_ellipse
        if not isinstance(given, ErrorEllipse):
            return np.atleast_1d(read_radius(given, table))
        held = self.radius.scale_to or self.radius.containment
        return given.of(table, side=side).scaled(held).degrees()[0]


class EllipsePairs(RadiusPairs):
    """
    All pairs within error ellipses, as an algorithm for LSDB's ``Catalog.crossmatch``.

    Parameters
    ----------
    radius : `~astroquery_cfx.ErrorEllipse`
        The error ellipses of the right catalogue.
    left_ellipse : `~astroquery_cfx.ErrorEllipse`, optional
        The error ellipses of the left catalogue.
    left_units, right_units : dict of str to `~astropy.units.Unit` or str, optional
        Units of the columns that are named.

    Examples
    --------
    >>> from astroquery_cfx import ErrorEllipse
    >>> from astroquery_cfx.hats.crossmatch import EllipsePairs
    >>> list(EllipsePairs(ErrorEllipse("major", "minor", "angle")).extra_columns)
    ['separation', 'position_angle', 'ellipse_offset']
    """

    extra_columns = _empty_columns("separation", "position_angle", "ellipse_offset")


def _floats(series, name, side):
    """Numbers of a column as doubles, NaN where there is none."""
    if not pd.api.types.is_numeric_dtype(series.dtype):
        raise InvalidInputError(
            f"The column {name!r} of the {side} catalogue holds no numbers.",
            remedy="name a column of angles.",
        )
    return series.to_numpy(dtype=float, na_value=np.nan)


def _largest(catalog, algorithm, side):
    """The largest reach of a side's rows, of whose columns only those are read that tell it."""
    names = algorithm._named(catalog.meta, side)
    if not names:  # one for all: a row of anything tells it
        return float(np.max(algorithm.reach(pd.DataFrame({"row": [0.0]}), side)))
    meta = pd.DataFrame({"reach": pd.Series(dtype=float), "fault": pd.Series(dtype=object)})
    found = (
        catalog[list(dict.fromkeys(names))]
        .map_partitions(_survey, algorithm, side, meta=meta)
        .compute(progress_bar=False)
    )
    faults = [fault for fault in found["fault"] if fault]
    if faults:
        raise InvalidInputError(
            f"Radii are wrong in {len(faults)} partitions of the {side} catalogue. The "
            f"first says: {faults[0]}",
            remedy="correct them, or leave the rows out.",
        )
    return float(np.fmax.reduce(found["reach"].to_numpy(dtype=float), initial=0.0))


def _survey(frame, algorithm, side):
    """One row: the largest reach in a partition, and what is wrong with its radii."""
    reach, fault = 0.0, ""
    try:
        values = algorithm.reach(frame, side)
        reach = float(np.max(values, initial=0.0, where=np.isfinite(values)))
    except InvalidInputError as error:
        fault = error.failed
    return pd.DataFrame({"reach": [reach], "fault": pd.Series([fault], dtype=object)})


def _check_margin(catalog, reach):
    """A right row must be in the margin of each partition that it reaches into."""
    margin = catalog.margin
    known = 0.0 if margin is None else margin.hc_structure.catalog_info.margin_threshold or 0.0
    if reach > known / 3600 * (1 + 1e-9):
        have = "no margin" if margin is None else f"a margin of {known:g} arcsec"
        raise InvalidInputError(
            f"The right catalogue {catalog.name!r} has {have}, but the largest radius is {reach * 3600:.6g} "
            "arcsec: pairs across the borders of partitions would be lost.",
            remedy=f"write it with a margin of {np.ceil(reach * 3600):.0f} arcsec or more (to_hats), or open "
            "it with a wider one.",
        )
