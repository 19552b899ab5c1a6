# Licensed under a 3-clause BSD style license - see LICENSE
"""The cross-match of two partitions, as algorithms for LSDB.

They find the pairs of `~astroquery_cfx.crossmatch_tables`, after a check that the margin of the
right catalogue is wide enough for no pair to be lost at the borders of partitions.
"""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy import units as u
from astropy.table import Column, Table

from ..crossmatch.ellipse import ErrorEllipse
from ..crossmatch.pairs import parse_quantity, read_radius, read_region
from ..crossmatch.positions import Positions
from ..crossmatch.sphere import position_angle
from ..errors import InvalidInputError

_HAS_LSDB = find_spec("lsdb") is not None
if TYPE_CHECKING or _HAS_LSDB:
    import pandas as pd

    with warnings.catch_warnings():
        # LSDB sets an option of pandas that pandas deprecates.
        warnings.filterwarnings("ignore", "The 'mode.chained_assignment' option")
        from lsdb.core.crossmatch.abstract_crossmatch_algorithm import AbstractCrossmatchAlgorithm
else:  # the classes below need a base; the functions say what is missing when they are called
    AbstractCrossmatchAlgorithm = object

if TYPE_CHECKING:
    from lsdb.catalog.catalog import Catalog
    from lsdb.core.crossmatch.crossmatch_args import CrossmatchArgs

__doctest_requires__ = {"*": ["lsdb"]}


def _added_columns(**columns: Any) -> pd.DataFrame:
    """Return the columns that an algorithm adds, as LSDB wants them."""
    return pd.DataFrame(
        {name: pd.Series(values, dtype="double[pyarrow]") for name, values in columns.items()}
    )


class RadiusPairs(AbstractCrossmatchAlgorithm):
    """
    All pairs within a radius, as an algorithm for LSDB's ``Catalog.crossmatch``.

    Parameters
    ----------
    radius : `~astropy.units.Quantity`, str or `~astroquery_cfx.ErrorEllipse`
        One angle for all, or the name of a column of the right catalogue; for `EllipsePairs` the
        error ellipses of the right catalogue.
    left_ellipse : `~astroquery_cfx.ErrorEllipse`, optional
        The error ellipses of the left catalogue, for `EllipsePairs` only.
    left_units, right_units : dict of str to `~astropy.units.Unit` or str, optional
        Units of the columns that are named.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astroquery_cfx.hats import RadiusPairs
    >>> list(RadiusPairs(0.1 * u.deg).extra_columns)
    ['separation', 'position_angle']
    """

    extra_columns = _added_columns(separation=[], position_angle=[]) if _HAS_LSDB else None

    def __init__(
        self,
        radius: u.Quantity | str | ErrorEllipse,
        *,
        left_ellipse: ErrorEllipse | None = None,
        left_units: dict[str, Any] | None = None,
        right_units: dict[str, Any] | None = None,
    ) -> None:
        self.radius: Any = radius
        self.left_ellipse = left_ellipse
        self.units = {"left": left_units or {}, "right": right_units or {}}

    def validate(self, left: Catalog, right: Catalog) -> None:
        """Check the radii, and that the right catalogue's margin is as wide as the largest one."""
        if any(np.ndim(part) for side in ("left", "right") for part in self._parts(side)):
            raise InvalidInputError(
                "There is a radius for each row, but rows of catalogues have no numbers.",
                remedy="name a column of the catalogue, or give one for all.",
            )
        tables = [
            self._to_table(catalog.meta, side, catalog.hc_structure.catalog_info)
            for catalog, side in ((left, "left"), (right, "right"))
        ]
        read_region(self.radius, self.left_ellipse, *tables)
        reach = self._largest_reach(right, "right")
        if self.left_ellipse is not None:
            reach = np.hypot(reach, self._largest_reach(left, "left"))
        # LSDB matches a left partition with the right rows in it and in its margin, no others.
        info = None if right.margin is None else right.margin.hc_structure.catalog_info
        margin = 0.0 if info is None else info.margin_threshold or 0.0  # arcsec
        if reach > margin / 3600 * (1 + 1e-9):  # 1e-9: rounding
            have = "no margin" if info is None else f"a margin of {margin:g} arcsec"
            raise InvalidInputError(
                f"The right catalogue {right.name!r} has {have}, but the largest radius is "
                f"{reach * 3600:.6g} arcsec: pairs across the borders of partitions would be lost.",
                remedy=f"write it with a margin of {np.ceil(reach * 3600):.0f} arcsec or more "
                "(to_hats), or open it with a wider one.",
            )

    def perform_crossmatch(
        self, crossmatch_args: CrossmatchArgs
    ) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
        """Return the pairs of a left partition and the right rows in and around it, for LSDB."""
        args = crossmatch_args
        tables = (
            self._to_table(args.left_df, "left", args.left_catalog_info),
            self._to_table(args.right_df, "right", args.right_catalog_info),
        )
        left, right = (
            Positions(table.columns[0].data, table.columns[1].data, ()) for table in tables
        )
        pairs = read_region(self.radius, self.left_ellipse, *tables).find_pairs(left, right)
        i, j = pairs.left, pairs.right
        angle = position_angle(right.ra[j], right.dec[j], left.ra[i], left.dec[i])
        offset = {} if pairs.offset is None else {"ellipse_offset": pairs.offset}
        return i, j, _added_columns(separation=pairs.separation, position_angle=angle, **offset)

    def reach(self, frame: pd.DataFrame, side: str) -> np.ndarray:
        """Return how far each row of a partition reaches, in degrees, NaN where not known."""
        table = self._to_table(frame, side)
        given = self.radius if side == "right" else self.left_ellipse
        if not isinstance(given, ErrorEllipse):
            return np.atleast_1d(read_radius(given, table))
        containment = self.radius.scale_to or self.radius.containment
        return given.of(table, side=side).scaled(containment).degrees()[0]

    def _largest_reach(self, catalog: Any, side: str) -> float:
        """Return the largest reach of the rows of a side, reading only the columns that matter."""
        names = self._named_columns(catalog.meta, side)
        if not names:  # one for all: any row will do
            return float(np.max(self.reach(pd.DataFrame({"row": [0.0]}), side)))

        def survey(frame):
            reach, fault = 0.0, ""
            try:
                radii = self.reach(frame, side)
                reach = float(np.max(radii, initial=0.0, where=np.isfinite(radii)))
            except InvalidInputError as error:  # LSDB would make a RuntimeError of it
                fault = error.failed
            return pd.DataFrame({"reach": [reach], "fault": pd.Series([fault], dtype=object)})

        partitions = catalog[names].map_partitions(survey, meta=survey(catalog.meta[names]))
        found = partitions.compute(progress_bar=False)
        faults = [fault for fault in found["fault"] if fault]
        if faults:
            raise InvalidInputError(
                f"Radii are wrong in {len(faults)} partitions of the {side} catalogue. The first "
                f"says: {faults[0]}",
                remedy="correct them, or leave the rows out.",
            )
        return float(found["reach"].max())

    def _parts(self, side: str) -> list:
        """Return what was given for a side: angles or names of columns."""
        given = self.radius if side == "right" else self.left_ellipse
        if isinstance(given, ErrorEllipse):
            return [given.major, given.minor, given.angle]
        return [given]

    def _named_columns(self, frame: pd.DataFrame, side: str) -> list[str]:
        """Return the names of columns among what was given; a radius may also be '3 arcsec'."""
        names = [part for part in self._parts(side) if isinstance(part, str)]
        if not isinstance(self.radius, ErrorEllipse):
            names = [name for name in names if name in frame or parse_quantity(name) is None]
        return list(dict.fromkeys(names))

    def _to_table(self, frame: pd.DataFrame, side: str, info: Any = None) -> Table:
        """Return columns as floats: longitude, latitude and those named; all without ``info``."""
        names = list(frame.columns)
        if info is not None:
            names = [info.ra_column, info.dec_column, *self._named_columns(frame, side)]
        table = Table()
        for name in names:
            if name not in frame:
                raise InvalidInputError(
                    f"The {side} catalogue has (or loads) no column {name!r}.",
                    remedy=f"its columns are {', '.join(frame.columns)}.",
                )
            if not pd.api.types.is_numeric_dtype(frame[name].dtype):
                raise InvalidInputError(
                    f"The column {name!r} of the {side} catalogue does not hold numbers.",
                    remedy="name a column of angles.",
                )
            values = frame[name].to_numpy(dtype=float, na_value=np.nan)
            table[name] = Column(values, unit=self.units[side].get(name))
        return table


class EllipsePairs(RadiusPairs):
    """All pairs within error ellipses, as an algorithm for LSDB; else like `RadiusPairs`."""

    extra_columns = (
        _added_columns(separation=[], position_angle=[], ellipse_offset=[]) if _HAS_LSDB else None
    )
