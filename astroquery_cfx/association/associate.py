# Licensed under a 3-clause BSD style license - see LICENSE
"""associate_tables: which left row is the counterpart of each right row, with probabilities that mean what
they say."""

from dataclasses import dataclass

import numpy as np
from astropy import units as u
from astropy.table import Column, MaskedColumn, QTable

from ..crossmatch.ellipse import SIGMA_95
from ..crossmatch.pairs import Pairs
from ..crossmatch.positions import Positions, as_table
from ..crossmatch.tables import join_rows, merged_meta, output_names
from ..errors import InvalidInputError
from . import options as inputs
from .candidates import Survey, find_candidates
from .likelihood import bayes_factor, chance_probability
from .model import judge, learn

__all__ = ["associate_tables"]

_PER_DEGREE = u.deg**-2
# Name -> unit, description.
_COLUMNS = {
    "offset_95": (
        None,
        "Separation in units of the 95% containment ellipse of the position errors of both "
        "sides; masked for extended sources",
    ),
    "bayes_factor": (
        None,
        "Decimal logarithm of the Bayes factor of position: one source against two "
        "(Budavari & Szalay 2008)",
    ),
    "field_density": (
        _PER_DEGREE,
        "Density of left sources about the region, where the sky was observed",
    ),
    "coverage": (None, "Share of the weight of the right source's region that was observed"),
    "chance_probability": (
        None,
        "Probability that a field source at least as bright lies as near by chance "
        "(Downes et al. 1986)",
    ),
    "p_i": (None, "Probability that this is the counterpart, given all candidates"),
    "p_any": (None, "Probability that one of the candidates is the counterpart"),
    "rank": (None, "1 for the candidate of the highest p_i of the right source, 2 for the next"),
    "confused": (
        None,
        "Whether other candidates have a p_i within a factor of 10 of the best, or this one "
        "is a candidate of p_i > 0.1 of two right sources",
    ),
    "extended": (
        None,
        "Whether the right source is extended: its region is its template, not an ellipse",
    ),
}


def associate_tables(
    left,
    right,
    *,
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
    prefixes=("left_", "right_"),
    prefix_all=False,
):
    r"""
    Candidates for the counterpart of each right row, with the probability of each.

    For the right source j and its candidates i,

    .. math:: p_i = \frac{P_j\,LR_i / w_j}{(1 - P_j) + P_j \sum_k LR_k / w_j}, \qquad
              LR_i = \frac{N_2(\delta_i; \Sigma_j + \Sigma_i)}{\lambda_j} \frac{q(f_i)}{n_j(f_i)}
              \frac{k_i^b}{\langle k^b \rangle_j}

    (Sutherland & Saunders 1992, MNRAS 259, 413). :math:`N_2` is the Gaussian of the position errors of both
    sides at the offset; of a share of the counterparts, which is learned, the errors are twice as large.
    :math:`\lambda_j` is the density of left sources about the region, measured from the nearest of them
    where the telescope looked, never over the whole sphere. :math:`q` and :math:`n_j` are the distributions
    of fluxes of counterparts and of field sources where these are as deep as there. :math:`k_i` is how
    crowded the place of the candidate is (1 / distance to the three nearest others): b tells whether the
    known counterparts lie in more crowded places than their rivals. It is learned by conditional
    likelihood, and 0 where no counterparts are known. :math:`w_j` is the share of the region that was
    looked at, :math:`P_j = c\,w_j^a d_j^e` the probability that the left catalogue holds the counterpart: a
    = 1 if the telescope looked here and there, less if it was pointed at counterparts; e > 0 if there are
    more of them where it saw more sources (:math:`d_j`, their density as a share of the highest). c, a and
    e are learned from all right sources, by maximum likelihood. Sources that are counterparts, as far as
    they are, are no field sources in :math:`\lambda` and :math:`n`; and as the density is known to a tenth
    only, regions that hold many likely field sources more or less than expected are brought nearer to what
    is expected.

    Parameters
    ----------
    left, right : `~astropy.table.Table` or `~astropy.table.QTable`, or a pandas or Arrow table
        The two sides: sources that are located well (Chandra), and sources with large errors (Fermi).
    ellipse : `~astroquery_cfx.ErrorEllipse`, optional
        The position errors of the right rows. By default the 95% ellipses of 4FGL, by their names there.
    region_containment : float, optional
        Candidates are all left rows in the ellipse of this containment (errors of both sides).
    left_coordinates, right_coordinates : `~astropy.coordinates.SkyCoord`, str, or tuple of two str, optional
        As for `crossmatch_tables`.
    left_error : str, optional
        Column of the left table with the 95% error radius. By default ``error_ellipse_r0``, where it is.
    fields : `~astropy.coordinates.SkyCoord` or `~astropy.table.Table`, optional
        Centres of the fields that were observed. Without them a place counts as observed where a left
        source lies within three tenths of ``field_radius``, which is an approximation.
    field_radius : `~astropy.units.Quantity`, optional
        Radius of the fields.
    flux : str, optional
        Column of the left table, the fluxes, or any other property that is positive and spread over
        orders of magnitude. Zero and missing values are classes of their own. Without it, positions alone
        decide.
    training : tuple of two str, `~astropy.coordinates.SkyCoord`, array_like or 'learn', optional
        What q is learned from: columns of the right table with the positions of known counterparts (by
        default those of 4FGL where they are there), or these positions (NaN where not known); or fluxes of
        counterparts; or ``'learn'``: from the candidates, by expectation and maximisation.
    folds : int, optional
        The known counterparts are split into so many parts, and each is judged by what the others teach.
    extended : `~astropy.table.Table`, optional
        Templates of extended sources (the extension ExtendedSources of 4FGL), joined by
        ``Extended_Source_Name``. By default the region columns of
        `~astroquery_cfx.Fermi4FGLClass.get_catalog`.
    neighbours : int, optional
        How many of the nearest left sources measure the density about a region, if it holds no more.
    prefixes, prefix_all
        As for `crossmatch_tables`.

    Returns
    -------
    `~astropy.table.QTable`
        One row for each candidate, ordered by right row, separation and left row: the columns of both
        sides, ``separation``, ``position_angle``, ``offset_95``, ``bayes_factor`` (decimal logarithm),
        ``field_density``, ``coverage``, ``chance_probability``, ``p_i``, ``p_any``, ``rank``, ``confused``
        and ``extended``. ``meta['association']`` tells what was learned and how many rows had no region.

    Raises
    ------
    InvalidInputError
        If a column is missing, has no unit or no sense. Nothing has been computed then.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astropy.table import QTable
    >>> from astroquery_cfx import associate_tables
    >>> left = QTable({"name": ["a", "b", "c"], "ra": [10.0, 10.05, 10.3] * u.deg,
    ...                "dec": [0.0, 0.0, 0.1] * u.deg})
    >>> right = QTable({"source": ["j"], "ra": [10.01] * u.deg, "dec": [0.0] * u.deg,
    ...                 "Conf_95_SemiMajor": [0.05] * u.deg, "Conf_95_SemiMinor": [0.04] * u.deg,
    ...                 "Conf_95_PosAng": [0.0] * u.deg})
    >>> candidates = associate_tables(left, right)
    >>> candidates["offset_95"].info.format = ".2f"
    >>> print(candidates["name", "source", "offset_95", "rank"])
    name source offset_95 rank
    ---- ------ --------- ----
       a      j      0.25    1
       b      j       1.0    2
    """
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
    names = output_names(
        problem.left_table,
        problem.right_table,
        prefixes,
        prefix_all,
        ("separation", "position_angle", *_COLUMNS),
    )
    candidates, model = problem.solve()
    return problem.table(candidates, model, names, prefixes)


@dataclass(frozen=True)
class Problem:
    """What the user gave, read and checked."""

    left_table: object
    right_table: object
    left: object
    regions: object
    survey: Survey
    known: dict
    settings: dict

    @classmethod
    def read(
        cls,
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
    ):
        """Read and check what the user gave."""
        for name, value, lowest in (("folds", folds, 2), ("neighbours", neighbours, 2)):
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < lowest:
                raise InvalidInputError(
                    f"{name}={value!r} is no whole number from {lowest} on.",
                    remedy=f"give one, e.g. {name}=10.",
                )
        left, right = as_table(left, "left"), as_table(right, "right")
        sources, error = inputs.left_sources(
            left, coordinates=left_coordinates, error=left_error, flux=flux
        )
        regions = inputs.regions(
            right,
            coordinates=right_coordinates,
            ellipse=ellipse,
            extended=extended,
            containment=region_containment,
        )
        centers, radius = inputs.field_centers(fields, field_radius)
        known = {} if flux is None else inputs.known_counterparts(right, training, regions.rows)
        settings = {
            "region_containment": float(region_containment),
            "left_error": error,
            "flux": flux,
            "fields": None if centers is None else len(centers[0]),
            "field_radius": radius,
            "folds": folds,
            "neighbours": neighbours,
        }
        return cls(
            left, right, sources, regions, Survey(centers, radius, neighbours), known, settings
        )

    def solve(self):
        """The candidates, and what is learned from them."""
        candidates = find_candidates(self.left, self.regions, self.survey)
        return candidates, learn(self.left, candidates, folds=self.settings["folds"], **self.known)

    def table(self, candidates, model, names, prefixes):
        """The candidates as a table, with the columns of both sides."""
        left, regions = self.left, self.regions
        pairs = Pairs(
            left.rows[candidates.left], regions.rows[candidates.right], candidates.separation
        )
        sides = [
            _all_rows(side, len(table))
            for side, table in ((left, self.left_table), (regions, self.right_table))
        ]
        table = QTable(
            join_rows(self.left_table, self.right_table, pairs, names, sides), copy=False
        )
        for name, values in self._columns(candidates, model).items():
            unit, description = _COLUMNS[name]
            kind = MaskedColumn if isinstance(values, np.ma.MaskedArray) else Column
            table[name] = kind(values, unit=unit, description=description)
        table.meta = merged_meta(self.left_table.meta, self.right_table.meta, prefixes)
        table.meta["association"] = self._meta(candidates, model)
        return table

    def _columns(self, candidates, model):
        judged = judge(self.left, candidates, model)
        extended = self.regions.extended[candidates.right]
        return {
            "offset_95": self._offset(candidates, extended),
            "bayes_factor": bayes_factor(candidates.density),
            "field_density": candidates.field,
            "coverage": candidates.coverage[candidates.right],
            "chance_probability": chance_probability(candidates.separation, judged.brighter),
            "p_i": judged.p_i,
            "p_any": judged.p_any,
            "rank": judged.rank,
            "confused": judged.confused,
            "extended": extended,
        }

    def _offset(self, candidates, extended):
        offset = candidates.offset * SIGMA_95
        return np.ma.MaskedArray(offset, mask=extended) if extended.any() else offset

    def _meta(self, candidates, model):
        regions = self.regions
        return {
            **self.settings,
            **_shares(model),
            "prior": model.source,
            "tail": float(model.tail),
            "crowding_exponent": model.crowding[-1],
            "known_counterparts": int(np.sum(model.fold >= 0)),
            "left_rows": len(self.left_table),
            "right_rows": len(self.right_table),
            "left_without_position": len(self.left_table) - len(self.left.rows),
            "right_without_region": len(self.right_table) - len(regions),
            "right_extended": int(np.sum(regions.extended)),
            "right_observed": int(np.sum(candidates.coverage > 0)),
            "right_with_candidates": len(np.unique(candidates.right)),
            "candidates": len(candidates.left),
        }


def _shares(model):
    names = (
        "share",
        "share_exponent",
        "share_density_exponent",
        "extended_share",
        "extended_share_exponent",
        "extended_share_density_exponent",
    )
    return dict(zip(names, (value for pair in model.shares for value in pair), strict=True))


def _all_rows(side, number):
    """The positions of all rows of a table, of a side that knows the usable ones."""
    ra, dec = np.full(number, np.nan), np.full(number, np.nan)
    ra[side.rows], dec[side.rows] = side.ra, side.dec
    return Positions(ra, dec, ())
