# Licensed under a 3-clause BSD style license - see LICENSE
"""calibrate_association: how many associations are chance, from the same regions at other places."""

from dataclasses import replace

import numpy as np
from astropy import units as u
from astropy.table import Column, QTable

from ..errors import InvalidInputError
from .associate import Problem
from .candidates import find_candidates
from .likelihood import posterior
from .model import judge, learn, prior_of

__all__ = ["calibrate_association"]

_CUTS = {
    "p_i": np.round(np.arange(0.05, 1, 0.05), 2),
    "separation": np.round(np.arange(0.01, 0.21, 0.01), 2),
}
_COLUMNS = {
    "num": "Candidates that pass the cut",
    "expected_true": "Sum of p_i of the candidates that pass: so many counterparts they promise",
    "chance": "Candidates that pass by chance, from the regions at other places",
    "chance_error": "Standard error of chance: scatter of the shifts, not below Poisson's",
    "reliability": "Share of the candidates that pass and are no chance: 1 - chance / num",
    "reliability_error": "Standard error of the reliability: of chance, and Poisson's of its number",
    "completeness": "Share of the counterparts in the left catalogue that pass: expected_true over the sum "
    "of p_any",
}


def calibrate_association(
    left,
    right,
    *,
    by="p_i",
    cuts=None,
    shifts=(2.0, 2.5, 3.0),
    angles=6,
    ellipse=None,
    region_containment=0.999,
    left_coordinates=None,
    right_coordinates=None,
    left_error=None,
    fields=None,
    field_radius=8 * u.arcmin,
    flux=None,
    training=None,
    folds=10,
    extended=None,
    neighbours=24,
):
    """
    Reliability and completeness of associations as functions of a cut, by shifting the right sources.

    The regions of the right sources are moved on rings about their places, where none of their counterparts
    is. What passes the cut there passes by chance. Places with less than half of the coverage of the
    original are left out; the others count by the ratio of the coverages, and the mean over the places of
    each source is summed (sources without any such place are allowed for). Where a source has its
    counterpart among its candidates, which it has with its p_any, a false one has to stand up to it: there
    the false candidates are judged together with the best candidate of the original place.

    Parameters
    ----------
    left, right
        As for `associate_tables`.
    by : {'p_i', 'separation'}, optional
        What is cut: at least so high a p_i, or at most such a separation.
    cuts : array_like or `~astropy.units.Quantity`, optional
        The cuts; separations in degrees where they have no unit.
    shifts : sequence of float, optional
        Radii of the rings, in units of the semi-major axis of each region. From 2 on, the regions do not
        overlap the original ones.
    angles : int, optional
        Places on each ring.
    ellipse, region_containment, left_coordinates, right_coordinates, left_error, fields, field_radius
        As for `associate_tables`.
    flux, training, folds, extended, neighbours
        As for `associate_tables`.

    Returns
    -------
    `~astropy.table.QTable`
        One row a cut: ``cut``, ``num``, ``expected_true``, ``chance``, ``chance_error``, ``reliability``,
        ``reliability_error``, ``completeness``. ``meta['calibration']`` tells the shifts.

    Raises
    ------
    InvalidInputError
        As for `associate_tables`; and if a shift is below 1, or nothing is left of all shifts.

    Notes
    -----
    Fields are pointed at the sources, and other places lie nearer to their rims, where there may be fewer
    sources. On the simulated sky of this package, whose truth is known, 20 to 25% of the false candidates are
    missed by that; the sums of p_i agree with the truth there.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy import units as u
    >>> from astropy.table import QTable
    >>> from astroquery_cfx.association import calibrate_association
    >>> rng = np.random.default_rng(1)
    >>> left = QTable({"ra": rng.uniform(10, 11, 900) * u.deg, "dec": rng.uniform(0, 1, 900) * u.deg})
    >>> right = QTable({"ra": rng.uniform(10.3, 10.7, 9) * u.deg, "dec": rng.uniform(0.3, 0.7, 9) * u.deg,
    ...                 "Conf_95_SemiMajor": np.full(9, 0.05) * u.deg,
    ...                 "Conf_95_SemiMinor": np.full(9, 0.04) * u.deg, "Conf_95_PosAng": np.zeros(9) * u.deg})
    >>> calibration = calibrate_association(left, right, by="separation", cuts=[0.02, 0.04] * u.deg)
    >>> calibration["cut"]
    <Quantity [0.02, 0.04] deg>
    """
    cuts = _checked_cuts(by, cuts)
    _check_shifts(shifts, angles)
    problem = Problem.read(
        left,
        right,
        ellipse,
        region_containment,
        left_coordinates,
        right_coordinates,
        left_error,
        fields,
        field_radius,
        flux,
        training,
        folds,
        extended,
        neighbours,
    )
    counts, chance, error, totals, meta = _Calibration(problem, by, cuts).run(shifts, angles)
    table = QTable({"cut": cuts * u.deg if by == "separation" else cuts})
    with np.errstate(divide="ignore", invalid="ignore"):
        values = {
            "num": counts,
            "expected_true": totals[0],
            "chance": chance,
            "chance_error": error,
            "reliability": 1 - chance / counts,
            "reliability_error": np.sqrt(error**2 + np.maximum(chance, 0)) / counts,
            "completeness": totals[0] / totals[1],
        }
    for name, column in values.items():
        table[name] = Column(column, description=_COLUMNS[name])
    for side in (problem.right_table, problem.left_table):
        table.meta.update({key: side.meta[key] for key in ("simulated",) if side.meta.get(key)})
    table.meta["calibration"] = meta
    return table


def _checked_cuts(by, cuts):
    if by not in _CUTS:
        raise InvalidInputError(f"by={by!r} is unknown.", remedy="choose from p_i, separation.")
    if cuts is None:
        return _CUTS[by]
    try:
        cuts = u.Quantity(cuts, u.deg if by == "separation" else u.dimensionless_unscaled).value
    except (u.UnitsError, TypeError) as error:
        raise InvalidInputError(
            f"cuts={cuts!r} are no numbers for {by}.",
            remedy="give probabilities, or angles for by='separation'.",
        ) from error
    return np.atleast_1d(cuts)


def _check_shifts(shifts, angles):
    if not len(shifts) or min(shifts) < 1 or int(angles) < 1:
        raise InvalidInputError(
            f"shifts={shifts!r} at {angles!r} angles do not lead away.",
            remedy="give radii of rings from 2 on, and at least one angle.",
        )


class _Calibration:
    """The associations of a problem, and the same for its regions at other places."""

    def __init__(self, problem, by, cuts):
        self.problem, self.by, self.cuts = problem, by, cuts
        self.candidates = find_candidates(problem.left, problem.regions, problem.survey)
        self.model = learn(
            problem.left, self.candidates, folds=problem.settings["folds"], **problem.known
        )

    def _passing(self, candidates, p_i):
        """Which candidates pass which cuts, shape (cuts, candidates)."""
        if self.by == "p_i":
            return p_i >= self.cuts[:, None]
        return candidates.separation <= self.cuts[:, None]

    def run(self, shifts, angles):
        """Counts, chance and its error, sums of p, and what was done."""
        judged = judge(self.problem.left, self.candidates, self.model)
        passing = self._passing(self.candidates, judged.p_i)
        seen = np.flatnonzero(self.candidates.coverage > 0)
        size = len(self.candidates.coverage)
        p_any = np.bincount(self.candidates.right, judged.p_i, minlength=size)
        best = np.zeros(size)
        np.maximum.at(best, self.candidates.right, judged.ratio)
        moved = [
            self._moved(seen, shift, angle, p_any[seen], best[seen])
            for shift in shifts
            for angle in np.arange(angles) * 360 / angles + 180 * shift
        ]
        kept = np.array([one[0] for one in moved])
        if not kept.any():
            raise InvalidInputError(
                "No shifted region lies in observed fields.",
                remedy="give fields, other shifts, or more of the left catalogue.",
            )
        false = np.array(
            [
                np.bincount(self.candidates.right, row * (1 - judged.p_i), minlength=size)[seen]
                for row in passing
            ]
        )
        chance, error = self._mean(kept, np.array([one[1] for one in moved]), false)
        meta = {
            "by": self.by,
            "shifts": [float(shift) for shift in shifts],
            "angles": int(angles),
            "regions": len(seen),
            "regions_shifted": int(np.sum(kept.any(axis=0))),
            "places": int(kept.sum()),
        }
        return passing.sum(axis=1), chance, error, (passing @ judged.p_i, p_any.sum()), meta

    def _mean(self, kept, counts, false):
        """
        Sum over regions of the mean of their places, and its error.

        For regions without places it is raised by what the probabilities expect of them, and of the rest.
        """
        weight = kept / np.maximum(kept.sum(axis=0), 1)
        raised = false.sum(axis=1) / np.maximum(false[:, kept.any(axis=0)].sum(axis=1), 1e-9)
        raised = np.where(false.sum(axis=1) > 0, raised, 1.0)
        each = np.einsum("sr,scr->sc", weight, counts) * raised
        chance, part = each.sum(axis=0), weight.sum(axis=1)
        used = part > 0
        # Each shift tells of some of the sources: brought to the same sum before their scatter is taken.
        alike = each[used] / part[used, None] * part.sum()
        scatter = alike.std(axis=0, ddof=1) / np.sqrt(used.sum()) if used.sum() > 1 else 0.0
        return chance, np.maximum(scatter, np.sqrt(chance * weight.max() * raised))

    def _moved(self, seen, shift, angle, p_any, best):
        """Which regions are kept at one place of the ring, and how many candidates pass, (cuts, regions)."""
        regions, turn = self.problem.regions.chosen(seen), np.radians(angle)
        distance = shift * regions.limit * regions.major
        regions = regions.moved(distance * np.sin(turn), distance * np.cos(turn))
        candidates = find_candidates(self.problem.left, regions, self.problem.survey)
        original = self.candidates.coverage[seen]
        kept = candidates.coverage >= 0.5 * original
        model = replace(self.model, right_fold=self.model.right_fold[seen])
        alone = judge(self.problem.left, candidates, model)
        beside, _ = posterior(
            alone.ratio,
            candidates.right,
            candidates.coverage,
            prior_of(candidates, model),
            others=best,
        )
        share = p_any[candidates.right]
        passing = (1 - share) * self._passing(candidates, alone.p_i) + share * self._passing(
            candidates, beside
        )
        passing *= (original / np.maximum(candidates.coverage, 1e-9))[candidates.right]
        return kept, np.array(
            [np.bincount(candidates.right, row, minlength=len(seen)) for row in passing]
        )
