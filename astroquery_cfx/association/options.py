# Licensed under a 3-clause BSD style license - see LICENSE
"""The arguments of the associations, checked, and the tables as plain arrays in degrees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from numpy.typing import ArrayLike

from ..arrays import angle_in_degrees, column_floats, get_column, to_floats, to_texts, whole_number
from ..crossmatch.ellipse import ErrorEllipse, axis_scale
from ..crossmatch.positions import find_positions
from ..crossmatch.sphere import unit_vectors
from ..errors import InvalidInputError
from .density import Fields, Regions
from .fluxes import FluxBins

# Names of columns: of the 4FGL catalogue (Abdollahi et al. 2020, ApJS 247, 33), of its extension
# ExtendedSources, of `Fermi4FGLClass.get_catalog`, and of the Chandra Source Catalog.
_ELLIPSE = ("Conf_95_SemiMajor", "Conf_95_SemiMinor", "Conf_95_PosAng")
_COUNTERPART = ("RA_Counterpart", "DEC_Counterpart")
_EXTENDED_SOURCE = ("Model_SemiMajor", "Model_SemiMinor", "Model_PosAng")
_TEMPLATE = ("Region_SemiMajor", "Region_SemiMinor", "Region_PosAng")
_LEFT_ERROR = "error_ellipse_r0"


@dataclass(frozen=True)
class LeftSources:
    """
    The left rows that have a position: degrees, standard deviation of the position, fluxes in bins.

    ``rows`` are those of the left table. ``bins`` are None without fluxes.
    """

    rows: np.ndarray
    ra: np.ndarray
    dec: np.ndarray
    sigma: np.ndarray
    bins: FluxBins | None


@dataclass(frozen=True)
class Inputs:
    """Both sides as plain arrays, the fields if given, and what is known about counterparts."""

    options: AssociationOptions
    left: LeftSources
    regions: Regions
    fields: Fields | None
    true_positions: tuple[np.ndarray, np.ndarray] | None  # one for each region, NaN if not known
    true_flux: np.ndarray | None
    meta: dict  # the options as the meta of the result has them


@dataclass(frozen=True, kw_only=True)
class AssociationOptions:
    """The optional arguments of `associate_tables`, which describes them, checked."""

    ellipse: ErrorEllipse | None = None
    region_containment: float = 0.999
    left_coordinates: SkyCoord | str | tuple[str, str] | None = None
    right_coordinates: SkyCoord | str | tuple[str, str] | None = None
    left_error: str | None = None
    fields: SkyCoord | Table | None = None
    field_radius: u.Quantity = 8 * u.arcmin
    flux: str | None = None
    training: tuple[str, str] | SkyCoord | ArrayLike | str | None = None
    folds: int = 10
    extended: Table | None = None
    neighbours: int = 24

    def __post_init__(self) -> None:
        whole_number(self.folds, "folds", least=2)
        whole_number(self.neighbours, "neighbours", least=2)
        axis_scale(self.region_containment)  # raises unless it is a share
        if self.ellipse is not None and not isinstance(self.ellipse, ErrorEllipse):
            raise InvalidInputError(
                f"ellipse is a {type(self.ellipse).__name__}, not an ErrorEllipse.",
                remedy="give ErrorEllipse('major', 'minor', 'angle', containment=0.95).",
            )
        if not self.field_radius_deg > 0:
            raise InvalidInputError(
                f"field_radius={self.field_radius} is not an angle above zero.",
                remedy="give the radius of the fields, e.g. 8*u.arcmin.",
            )
        if self.fields is not None and not isinstance(self.fields, SkyCoord | Table):
            raise InvalidInputError(
                f"fields is a {type(self.fields).__name__}, neither positions nor a table.",
                remedy="give a SkyCoord or a table with the centres.",
            )

    @property
    def field_radius_deg(self) -> float:
        """The radius of the fields in degrees."""
        return angle_in_degrees(self.field_radius, "field_radius")

    def read(self, left: Table, right: Table) -> Inputs:
        """Read both tables as plain arrays. Raises InvalidInputError before any work is done."""
        error = self.left_error
        if error is None and _LEFT_ERROR in left.colnames:
            error = _LEFT_ERROR
        sources, regions = self._left_sources(left, error), self._regions(right)
        fields, num_fields = None, None
        if self.fields is not None:
            if isinstance(self.fields, SkyCoord):
                icrs = self.fields.icrs
                ra, dec = (np.atleast_1d(to_floats(part.deg)) for part in (icrs.ra, icrs.dec))
            else:
                positions = find_positions(self.fields, side="fields")
                ra, dec = positions.ra, positions.dec
            known = np.isfinite(ra) & np.isfinite(dec)
            num_fields = int(np.sum(known))
            fields = Fields(unit_vectors(ra[known], dec[known]), self.field_radius_deg)
        meta = {
            "region_containment": float(self.region_containment),
            "left_error": error,
            "flux": self.flux,
            "fields": num_fields,
            "field_radius": self.field_radius_deg,
            "folds": self.folds,
            "neighbours": self.neighbours,
        }
        true_positions, true_flux = None, None
        if self.flux is not None:
            true_positions, true_flux = self._training(right, regions.rows)
        return Inputs(self, sources, regions, fields, true_positions, true_flux, meta)

    def _left_sources(self, table: Table, error: str | None) -> LeftSources:
        positions = find_positions(table, self.left_coordinates, side="left")
        sigma = np.zeros(len(table))
        if error is not None:
            radius = ErrorEllipse(error).of(table, side="left").degrees()[0]
            sigma = radius / axis_scale(0.95)
            known = np.isfinite(sigma)
            if not known.all():  # a missing error is not an error of zero: take a typical one
                sigma = np.where(known, sigma, np.median(sigma[known]) if known.any() else 0.0)
        rows = np.flatnonzero(np.isfinite(positions.ra) & np.isfinite(positions.dec))
        bins = None
        if self.flux is not None:
            bins = FluxBins(column_floats(table, self.flux, label="left table")[rows])
        ra, dec = positions.ra[rows] % 360, positions.dec[rows]
        return LeftSources(rows, ra, dec, sigma[rows], bins)

    def _regions(self, table: Table) -> Regions:
        """Return the regions of the right rows with a position and an ellipse or a template."""
        positions = find_positions(table, self.right_coordinates, side="right")
        ellipse = self.ellipse
        if ellipse is None:
            if any(name not in table.colnames for name in _ELLIPSE):
                raise InvalidInputError(
                    "The right table has no columns that are known to be error ellipses.",
                    remedy="name them: ellipse=ErrorEllipse('major', 'minor', 'angle').",
                )
            ellipse = ErrorEllipse(*_ELLIPSE, containment=0.95)
        scale = axis_scale(ellipse.containment)
        major, minor, angle = ellipse.of(table).degrees()
        shape, template = [major / scale, minor / scale, angle], self._templates(table)
        # In 4FGL extended sources have no error ellipse; any source that has one is located.
        extended = ~np.isfinite(shape[0]) & (template[0] > 0)
        shape = [np.where(extended, *axes) for axes in zip(template, shape, strict=True)]
        usable = np.isfinite(positions.ra) & np.isfinite(positions.dec)
        rows = np.flatnonzero(usable & (shape[0] > 0) & (shape[1] > 0) & np.isfinite(shape[2]))
        major, minor, angle = (axis[rows] for axis in shape)
        ra, dec, contained = positions.ra[rows] % 360, positions.dec[rows], self.region_containment
        return Regions(rows, ra, dec, major, minor, angle, extended[rows], float(contained))

    def _templates(self, table: Table) -> list[np.ndarray]:
        """Return semi-axes and angle of the templates of extended sources, NaN without."""
        if self.extended is not None:
            source, columns, label = self.extended, _EXTENDED_SOURCE, "extended table"
            names = to_texts(get_column(source, "Source_Name", label=label)).tolist()
            place = {name: row for row, name in enumerate(names)}
            wanted = to_texts(get_column(table, "Extended_Source_Name", label="right table"))
            rows = np.array([place.get(name, -1) for name in wanted.tolist()], dtype=int)
        elif {"Region_Kind", *_TEMPLATE} <= set(table.colnames):
            source, columns, label = table, _TEMPLATE, "right table"
            is_template = to_texts(table["Region_Kind"]) == "template"
            rows = np.where(is_template, np.arange(len(table)), -1)
        else:
            return [np.full(len(table), np.nan)] * 3
        major, minor, angle = (
            np.append(column_floats(source, name, u.deg, label=label), np.nan)[rows]
            for name in columns
        )
        # A template with one axis only is a disc.
        minor = np.where(minor > 0, minor, major)
        return [major, minor, np.where(np.isfinite(angle), angle, np.where(major > 0, 0.0, np.nan))]

    def _training(self, right: Table, rows: np.ndarray):
        """Return the positions of known counterparts of right rows, and fluxes of counterparts."""
        training = self.training
        if training is None:
            training = _COUNTERPART if set(_COUNTERPART) <= set(right.colnames) else "learn"
        if isinstance(training, str) and training == "learn":
            return None, None
        if isinstance(training, SkyCoord) or (isinstance(training, tuple) and len(training) == 2):
            positions = find_positions(right, training, side="right")
            return (positions.ra[rows], positions.dec[rows]), None
        try:
            flux = np.asarray(getattr(training, "value", training), dtype=float)
        except (TypeError, ValueError):
            flux = np.empty((0, 0))
        if flux.ndim != 1 or not np.sum(flux > 0) > 1:
            raise InvalidInputError(
                f"training={training!r} is neither positions nor fluxes of counterparts.",
                remedy="give a SkyCoord, two names of columns, two or more fluxes, or 'learn'.",
            )
        return None, flux
