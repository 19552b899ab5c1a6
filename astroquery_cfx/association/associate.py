# Licensed under a 3-clause BSD style license - see LICENSE
"""associate_tables: which left row is the counterpart of each right row, how likely."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Column, MaskedColumn, QTable, Table
from numpy.typing import ArrayLike

from ..crossmatch.ellipse import SIGMA_95, ErrorEllipse
from ..crossmatch.pairs import Pairs
from ..crossmatch.positions import Positions, as_table
from ..crossmatch.tables import join_rows, merged_meta, output_names
from .candidates import find_candidates
from .density import Regions
from .likelihood import bayes_factor, chance_probability
from .model import judge, learn
from .options import AssociationOptions, LeftSources

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_DESCRIPTIONS = {
    "offset_95": "Separation in units of the 95% containment ellipse of the position errors of "
    "both sides; masked for extended sources",
    "bayes_factor": "Decimal logarithm of the Bayes factor of position: one source against two "
    "(Budavari & Szalay 2008)",
    "field_density": "Density of left sources about the region, where the sky was observed",
    "coverage": "Share of the weight of the right source's region that was observed",
    "chance_probability": "Probability that a field source at least as bright lies as near by "
    "chance (Downes et al. 1986)",
    "p_i": "Probability that this is the counterpart, given all candidates",
    "p_any": "Probability that one of the candidates is the counterpart",
    "rank": "1 for the candidate of the highest p_i of the right source, 2 for the next",
    "confused": "Whether other candidates have a p_i within a factor of 10 of the best, or this "
    "one is a candidate of p_i > 0.1 of two right sources",
    "extended": "Whether the right source is extended: its region is its template, not an ellipse",
}


def associate_tables(  # noqa: PLR0913
    left: Table | pd.DataFrame | pa.Table,
    right: Table | pd.DataFrame | pa.Table,
    *,
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
    prefixes: tuple[str, str] = ("left_", "right_"),
    prefix_all: bool = False,
) -> QTable:
    r"""
    Find the candidates for the counterpart of each right row, with the probability of each.

    For the right source j and its candidates i,

    .. math:: p_i = \frac{P_j\,LR_i / w_j}{(1 - P_j) + P_j \sum_k LR_k / w_j}, \qquad
              LR_i = \frac{N_2(\delta_i; \Sigma_j + \Sigma_i)}{\lambda_j}
              \frac{q(f_i)}{n_j(f_i)} \frac{k_i^b}{\langle k^b \rangle_j}

    (likelihood ratio and reliability of Sutherland & Saunders 1992, MNRAS 259, 413). :math:`N_2` is
    the Gaussian of the position errors of both sides, :math:`\lambda_j` the local density of left
    sources, q and :math:`n_j` are the flux distributions of counterparts and of field sources,
    :math:`k_i` is the crowding of the place, :math:`w_j` the coverage of the region, and
    :math:`P_j` the prior that the left catalogue holds the counterpart. :ref:`associations`
    explains each of them, and how it is learned from the tables.

    Parameters
    ----------
    left, right : `~astropy.table.Table` or `~astropy.table.QTable`, or a pandas or Arrow table
        The two sides: sources with precise positions (Chandra), and with large errors (Fermi).
    ellipse : `~astroquery_cfx.ErrorEllipse`, optional
        The position errors of the right rows. By default the 95% ellipses of 4FGL.
    region_containment : float, optional
        Candidates are all left rows in the ellipse of this containment (errors of both sides).
    left_coordinates, right_coordinates : `~astropy.coordinates.SkyCoord`, str or tuple, optional
        As for `crossmatch_tables`.
    left_error : str, optional
        Column of the left table with the 95% error radius. By default ``error_ellipse_r0``, if
        there is one. Rows without an error get the median of the others.
    fields : `~astropy.coordinates.SkyCoord` or `~astropy.table.Table`, optional
        Centres of the observed fields. Without them a place counts as observed if a left source
        lies within 0.3 times ``field_radius``, which is an approximation.
    field_radius : `~astropy.units.Quantity`, optional
        Radius of the fields.
    flux : str, optional
        Column of the left table with the fluxes, or any other property that is positive and spread
        over orders of magnitude. Zero and missing values are classes of their own. Without it,
        positions alone decide.
    training : tuple of two str, `~astropy.coordinates.SkyCoord`, array_like or 'learn', optional
        What q is learned from: columns of the right table with the positions of known counterparts
        (by default those of 4FGL, if present), or these positions (NaN if unknown); or fluxes of
        counterparts; or ``'learn'``: the candidates, by expectation and maximisation (EM).
    folds : int, optional
        Number of cross-validation folds: the known counterparts are divided into so many parts, and
        each is judged by a model that was learned from the others.
    extended : `~astropy.table.Table`, optional
        Templates of extended sources (the extension ExtendedSources of 4FGL), joined by
        ``Extended_Source_Name``. By default the region columns of
        `~astroquery_cfx.Fermi4FGLClass.get_catalog`.
    neighbours : int, optional
        Number of nearest left sources from which the local density is measured. Regions that hold
        more are measured from all of these.
    prefixes : tuple of two str, optional
        What goes before the names of columns and of meta that both sides have.
    prefix_all : bool, optional
        Put the prefixes before all names of columns.

    Returns
    -------
    `~astropy.table.QTable`
        One row per candidate, ordered by right row, separation and left row: the columns of both
        sides, ``separation``, ``position_angle``, ``offset_95``, ``bayes_factor``,
        ``field_density``, ``coverage``, ``chance_probability``, ``p_i``, ``p_any``, ``rank``,
        ``confused`` and ``extended``. ``meta['association']`` has what was learned, and how many
        rows had no region.

    Raises
    ------
    InvalidInputError
        If a column is missing, has no unit or the wrong one, or an option is not valid. Nothing has
        been computed then.

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
    inputs = options.read(left, right)
    own = ("separation", "position_angle", *_DESCRIPTIONS)
    names = output_names(left, right, prefixes, prefix_all, own)
    candidates = find_candidates(inputs)
    model = learn(inputs, candidates)
    judged = judge(candidates, model)

    sources, regions = inputs.left, inputs.regions
    sides = _positions(sources, len(left)), _positions(regions, len(right))
    left_rows, right_rows = sources.rows[candidates.left], regions.rows[candidates.right]
    pairs = Pairs(left_rows, right_rows, candidates.separation)
    table = QTable(join_rows(left, right, pairs, names, sides), copy=False)
    is_extended = regions.extended[candidates.right]
    offset = candidates.offset * SIGMA_95
    columns = {
        "offset_95": np.ma.MaskedArray(offset, mask=is_extended) if is_extended.any() else offset,
        "bayes_factor": bayes_factor(candidates.density),
        "field_density": candidates.local_density[candidates.right],
        "coverage": candidates.coverage[candidates.right],
        "chance_probability": chance_probability(candidates.separation, judged.brighter),
        "p_i": judged.p_i,
        "p_any": judged.p_any,
        "rank": judged.rank,
        "confused": judged.confused,
        "extended": is_extended,
    }
    for name, values in columns.items():
        kind = MaskedColumn if isinstance(values, np.ma.MaskedArray) else Column
        unit = u.deg**-2 if name == "field_density" else None
        table[name] = kind(values, unit=unit, description=_DESCRIPTIONS[name])
    (share, a, e), (extended_share, extended_a, extended_e) = model.prior_parameters
    table.meta = merged_meta(left.meta, right.meta, prefixes)
    table.meta["association"] = {
        **inputs.meta,
        "share": share,
        "share_exponent": a,
        "share_density_exponent": e,
        "extended_share": extended_share,
        "extended_share_exponent": extended_a,
        "extended_share_density_exponent": extended_e,
        "prior": model.source,
        "tail": float(model.tail),
        "crowding_exponent": model.crowding[-1],
        "known_counterparts": int(np.sum(model.fold >= 0)),
        "left_rows": len(left),
        "right_rows": len(right),
        "left_without_position": len(left) - len(sources.rows),
        "right_without_region": len(right) - len(regions),
        "right_extended": int(np.sum(regions.extended)),
        "right_observed": int(np.sum(candidates.coverage > 0)),
        "right_with_candidates": len(np.unique(candidates.right)),
        "candidates": len(candidates.left),
    }
    return table


def _positions(side: LeftSources | Regions, number: int) -> Positions:
    """Return the positions of all rows of a table, NaN for those that are not used."""
    ra, dec = np.full(number, np.nan), np.full(number, np.nan)
    ra[side.rows], dec[side.rows] = side.ra, side.dec
    return Positions(ra, dec, ())
