# Licensed under a 3-clause BSD style license - see LICENSE
"""calibrate_association: how many associations are chance, from the regions at other places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Column, QTable, Table
from numpy.typing import ArrayLike

from ..crossmatch.ellipse import ErrorEllipse
from ..crossmatch.positions import as_table
from ..crossmatch.tables import check_choice
from ..errors import InvalidInputError
from .candidates import Candidates, find_candidates
from .density import offset_vectors
from .model import judge, learn
from .options import AssociationOptions, Inputs

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

# A shifted region with less of its original coverage than this says little about chance.
_MIN_RELATIVE_COVERAGE = 0.5
_CUTS = {
    "p_i": np.round(np.arange(0.05, 1, 0.05), 2),
    "separation": np.round(np.arange(0.01, 0.21, 0.01), 2),
}
_DESCRIPTIONS = {
    "num": "Candidates that pass the cut",
    "expected_true": "Sum of p_i of the candidates that pass: so many counterparts they promise",
    "chance": "Candidates that pass by chance, from the regions at other places",
    "chance_error": "Standard error of chance: scatter of the shifts, not below Poisson's",
    "reliability": "Share of the candidates that pass and are no chance: 1 - chance / num",
    "reliability_error": "Standard error of the reliability: of chance, and Poisson's of its "
    "number",
    "completeness": "Share of the counterparts in the left catalogue that pass: expected_true over "
    "the sum of p_any",
}


def calibrate_association(  # noqa: PLR0913
    left: Table | pd.DataFrame | pa.Table,
    right: Table | pd.DataFrame | pa.Table,
    *,
    by: str = "p_i",
    cuts: ArrayLike | u.Quantity | None = None,
    shifts: Sequence[float] = (2.0, 2.5, 3.0),
    angles: int = 6,
    ellipse: ErrorEllipse | None = None,
    region_containment: float = 0.999,
    left_coordinates: SkyCoord | str | tuple[str, str] | None = None,
    right_coordinates: SkyCoord | str | tuple[str, str] | None = None,
    left_error: str | None = None,
    fields: SkyCoord | Table | None = None,
    field_radius: u.Quantity = 8 * u.arcmin,
    flux: str | None = None,
    training: tuple[str, str] | SkyCoord | ArrayLike | str | None = None,
    folds: int = 10,
    extended: Table | None = None,
    neighbours: int = 24,
) -> QTable:
    """
    Measure reliability and completeness of associations above a cut, by shifting the right sources.

    The regions are moved on rings about their places, where none of their counterparts is: what
    passes the cut there passes by chance. Places with less than half of the original coverage are
    left out, the others are weighted by the ratio of the coverages, and the mean over the places of
    each source is summed over the sources (sources without any such place are allowed for). A true
    counterpart among the candidates, which is there with the probability p_any, suppresses false
    ones: with that probability the false candidates are judged together with the best candidate of
    the original place.

    Parameters
    ----------
    left, right : `~astropy.table.Table` or `~astropy.table.QTable`, or a pandas or Arrow table
        As for `associate_tables`.
    by : {'p_i', 'separation'}, optional
        What the cut is on: candidates with at least such a p_i, or at most such a separation, pass.
    cuts : array_like or `~astropy.units.Quantity`, optional
        The cuts; separations are in degrees if they have no unit.
    shifts : sequence of float, optional
        Radii of the rings, in units of the semi-major axis of each region. From 2 on the shifted
        regions do not overlap with the original ones.
    angles : int, optional
        Number of places on each ring.
    ellipse, region_containment, left_coordinates, right_coordinates, left_error, fields
        As for `associate_tables`.
    field_radius, flux, training, folds, extended, neighbours
        As for `associate_tables`.

    Returns
    -------
    `~astropy.table.QTable`
        One row per cut: ``cut``, ``num``, ``expected_true``, ``chance``, ``chance_error``,
        ``reliability``, ``reliability_error``, ``completeness``. ``meta['calibration']`` has the
        shifts and the number of places.

    Raises
    ------
    InvalidInputError
        As for `associate_tables`; and if a shift is below 1, or no shifted region was observed.

    Notes
    -----
    Fields are pointed at the sources, and other places lie nearer to their rims, where there may be
    fewer sources. On the simulated sky of this package, whose truth is known, 20 to 25% of the
    false candidates are missed because of that; the sums of p_i agree with the truth there.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy import units as u
    >>> from astropy.table import QTable
    >>> from astroquery_cfx import ErrorEllipse, calibrate_association
    >>> rng = np.random.default_rng(1)
    >>> left = QTable(rng.uniform(0, 1, (900, 2)) * u.deg, names=["ra", "dec"])
    >>> right = QTable(rng.uniform(0.3, 0.7, (9, 2)) * u.deg, names=["ra", "dec"])
    >>> options = {"by": "separation", "cuts": [0.02, 0.04] * u.deg}
    >>> calibration = calibrate_association(
    ...     left, right, ellipse=ErrorEllipse(0.05 * u.deg), **options)
    >>> calibration["cut"]
    <Quantity [0.02, 0.04] deg>
    """
    check_choice("by", by, _CUTS)
    try:
        unit = u.deg if by == "separation" else u.dimensionless_unscaled
        cuts = np.atleast_1d(u.Quantity(_CUTS[by] if cuts is None else cuts, unit).value)
    except (u.UnitsError, TypeError) as error:
        raise InvalidInputError(
            f"cuts={cuts!r} are not numbers for {by}.",
            remedy="give probabilities, or angles for by='separation'.",
        ) from error
    if not len(shifts) or min(shifts) < 1 or int(angles) < 1:
        raise InvalidInputError(
            f"shifts={shifts!r} at {angles!r} angles do not lead away.",
            remedy="give radii of rings from 2 on, and at least one angle.",
        )
    left, right = as_table(left, "left"), as_table(right, "right")
    options = AssociationOptions(
        ellipse=ellipse,
        region_containment=region_containment,
        left_coordinates=left_coordinates,
        right_coordinates=right_coordinates,
        left_error=left_error,
        fields=fields,
        field_radius=field_radius,
        flux=flux,
        training=training,
        folds=folds,
        extended=extended,
        neighbours=neighbours,
    )
    original = _Original(options.read(left, right), by, cuts)
    places = [
        original.at_shift(shift, angle)
        for shift in shifts
        for angle in np.arange(angles) * 360 / angles + 180 * shift
    ]
    kept, passing = (np.array(part) for part in zip(*places, strict=True))
    if not kept.any():
        raise InvalidInputError(
            "No shifted region lies in observed fields.",
            remedy="give fields, other shifts, or more of the left catalogue.",
        )
    chance, chance_error = _mean_chance(kept, passing, original.expected_false)
    num, expected_true = original.passing.sum(axis=1), original.passing @ original.judged.p_i
    with np.errstate(divide="ignore", invalid="ignore"):
        columns = {
            "num": num,
            "expected_true": expected_true,
            "chance": chance,
            "chance_error": chance_error,
            "reliability": 1 - chance / num,
            "reliability_error": np.sqrt(chance_error**2 + np.maximum(chance, 0)) / num,
            "completeness": expected_true / original.p_any.sum(),
        }
    table = QTable({"cut": cuts * u.deg if by == "separation" else cuts})
    for name, values in columns.items():
        table[name] = Column(values, description=_DESCRIPTIONS[name])
    simulated = left.meta.get("simulated") or right.meta.get("simulated")
    if simulated:
        table.meta["simulated"] = simulated
    table.meta["calibration"] = {
        "by": by,
        "shifts": [float(shift) for shift in shifts],
        "angles": int(angles),
        "regions": len(original.observed),
        "regions_shifted": int(np.sum(kept.any(axis=0))),
        "places": int(kept.sum()),
    }
    return table


class _Original:
    """The associations at the true places of the regions, and the same model at other places."""

    def __init__(self, inputs: Inputs, by: str, cuts) -> None:
        self.inputs, self.by, self.cuts = inputs, by, cuts
        self.candidates = find_candidates(inputs)
        self.model = learn(inputs, self.candidates)
        self.judged = judge(self.candidates, self.model)
        self.passing = self._passes(self.candidates, self.judged.p_i)
        right, size = self.candidates.right, len(self.candidates.coverage)
        self.observed = np.flatnonzero(self.candidates.coverage > 0)
        self.p_any = np.bincount(right, self.judged.p_i, minlength=size)
        self.best_ratio = np.zeros(size)
        np.maximum.at(self.best_ratio, right, self.judged.ratio)
        false = self.passing * (1 - self.judged.p_i)
        false = [np.bincount(right, row, minlength=size)[self.observed] for row in false]
        self.expected_false = np.array(false)

    def _passes(self, candidates: Candidates, p_i):
        """Return which candidates pass which cuts, shape (cuts, candidates)."""
        if self.by == "p_i":
            return p_i >= self.cuts[:, None]
        return candidates.separation <= self.cuts[:, None]

    def at_shift(self, shift: float, angle: float):
        """Return which regions keep their coverage at a shift, and what passes, (cuts, regions)."""
        rows = self.observed
        regions, angle = self.inputs.regions.select(rows), np.radians(angle)
        distance = (shift * regions.limit * regions.major)[:, None]
        east, north = distance * np.sin(angle), distance * np.cos(angle)
        x, y, z = offset_vectors(regions.ra, regions.dec, east, north)[:, 0].T
        ra, dec = np.degrees(np.arctan2(y, x)) % 360, np.degrees(np.arcsin(np.clip(z, -1, 1)))
        candidates = find_candidates(replace(self.inputs, regions=replace(regions, ra=ra, dec=dec)))
        model = replace(self.model, right_fold=self.model.right_fold[rows])
        right, coverage = candidates.right, self.candidates.coverage[rows]
        alone = judge(candidates, model)
        beside, _ = model.posterior(candidates, alone.ratio, other_ratios=self.best_ratio[rows])
        # With p_any there is a counterpart, and the best candidate competes with the false ones.
        p_any = self.p_any[rows][right]
        passing = (1 - p_any) * self._passes(candidates, alone.p_i)
        passing += p_any * self._passes(candidates, beside)
        passing *= (coverage / np.maximum(candidates.coverage, 1e-9))[right]
        kept = candidates.coverage >= _MIN_RELATIVE_COVERAGE * coverage
        return kept, np.array([np.bincount(right, row, minlength=len(rows)) for row in passing])


def _mean_chance(kept, passing, expected_false):
    """
    Return the sum over regions of the mean over their places, and its standard error, for each cut.

    Shapes: kept (places, regions), passing (places, cuts, regions), expected_false (cuts, regions).
    For the regions without any place the sum is scaled up, by the ratio of the expectations.
    """
    weight = kept / np.maximum(kept.sum(axis=0), 1)
    expected = expected_false.sum(axis=1)
    within = expected_false[:, kept.any(axis=0)].sum(axis=1)
    scale = np.where(expected > 0, expected / np.maximum(within, 1e-9), 1.0)
    each = np.einsum("sr,scr->sc", weight, passing) * scale
    chance, part = each.sum(axis=0), weight.sum(axis=1)
    used = part > 0
    # The places have different regions: bring them to the same sum before taking their scatter.
    alike = each[used] / part[used, None] * part.sum()
    scatter = alike.std(axis=0, ddof=1) / np.sqrt(used.sum()) if used.sum() > 1 else 0.0
    # Poisson error of a weighted count, with the largest weight: not below that.
    return chance, np.maximum(scatter, np.sqrt(chance * weight.max() * scale))
