# Licensed under a 3-clause BSD style license - see LICENSE
"""Associations: whether their probabilities mean what they say, and what a cut keeps and lets in."""

import astropy.units as u
import numpy as np
from matplotlib.ticker import PercentFormatter

from . import style
from .rows import Rows, numbers

__all__ = ["plot_completeness", "plot_reliability"]

_FEWEST = 10  # candidates in a bin whose reliability is drawn


def _column(calibration, name):
    return numbers(calibration, name, u.dimensionless_unscaled)


def _probability_cuts(calibration):
    """The rows by rising cut, of a calibration by p_i."""
    cut = _column(calibration, "cut")
    rows = Rows(len(cut), "cuts")
    rows.need((cut >= 0) & (cut < 1), "that are no probability")
    rows.check()
    return np.flatnonzero(rows.drawn)[np.argsort(cut[rows.drawn])]


def plot_reliability(calibration, *, ax=None):
    """
    Reliability diagram: share of true ones among candidates of a probability, against the probability.

    Each point is the candidates between two cuts. How many of them are there by chance is known from the
    regions at other places. Where probabilities mean what they say, the points lie on the line.

    Parameters
    ----------
    calibration : `~astropy.table.Table`
        What `~astroquery_cfx.calibrate_association` gives, by ``p_i``: the columns ``cut``, ``num``,
        ``expected_true``, ``chance`` and ``chance_error``.
    ax : `~matplotlib.axes.Axes`, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    `~matplotlib.axes.Axes`
        ``ax.figure.savefig(...)`` writes it.

    Raises
    ------
    InvalidInputError
        If a column is missing or of another kind, or nothing can be drawn.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.figures import plot_reliability
    >>> calibration = Table({"cut": [0.2, 0.6], "num": [90, 50], "expected_true": [58.0, 42.0],
    ...                      "chance": [31.0, 9.0], "chance_error": [3.0, 1.5]})
    >>> ax = plot_reliability(calibration)
    >>> ax.get_xlabel()
    'Mean probability $p_i$ of the candidates'
    """
    order = _probability_cuts(calibration)
    above = [_column(calibration, name)[order] for name in ("num", "expected_true", "chance")]
    number, expected, chance = (values - np.append(values[1:], 0.0) for values in above)
    error = _column(calibration, "chance_error")[order]
    error = np.sqrt(np.abs(error**2 - np.append(error[1:], 0.0) ** 2) + np.maximum(chance, 1))
    enough = number >= _FEWEST
    (ax,) = style.plain_axes(calibration, ax)
    ax.plot(
        [0, 1], [0, 1], color=style.LAW_COLOR, linewidth=1.6, label="what the probabilities say"
    )
    ax.errorbar(
        (expected / np.maximum(number, 1))[enough],
        (1 - chance / np.maximum(number, 1))[enough],
        (error / np.maximum(number, 1))[enough],
        fmt="o",
        color=style.DARK,
        capsize=3,
        label=f"candidates between two cuts ({_FEWEST} or more)",
    )
    ax.set(
        xlim=(0, 1),
        ylim=(-0.05, 1.08),
        xlabel="Mean probability $p_i$ of the candidates",
        ylabel="Share that is no chance",
    )
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.grid(**style.GRID)
    style.legend(ax, ncols=2)
    style.finish(
        ax,
        calibration,
        "Do the probabilities of association mean what they say?",
        f"{above[0][0]:,.0f} candidates; chance from the regions at other places in observed fields",
    )
    return ax


def plot_completeness(calibration, *, ax=None):
    """
    What a cut in probability keeps of the counterparts, and how pure what it keeps is.

    Parameters
    ----------
    calibration : `~astropy.table.Table`
        What `~astroquery_cfx.calibrate_association` gives, by ``p_i``: the columns ``cut``, ``reliability``,
        ``reliability_error`` and ``completeness``.
    ax : `~matplotlib.axes.Axes`, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    `~matplotlib.axes.Axes`
        ``ax.figure.savefig(...)`` writes it.

    Raises
    ------
    InvalidInputError
        If a column is missing or of another kind, or nothing can be drawn.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.figures import plot_completeness
    >>> calibration = Table({"cut": [0.2, 0.6], "reliability": [0.7, 0.9], "reliability_error": [0.03, 0.02],
    ...                      "completeness": [0.9, 0.6]})
    >>> plot_completeness(calibration).get_ylabel()
    'Share'
    """
    order = _probability_cuts(calibration)
    cut, purity, error, kept = (
        _column(calibration, name)[order]
        for name in ("cut", "reliability", "reliability_error", "completeness")
    )
    (ax,) = style.plain_axes(calibration, ax)
    ax.fill_between(cut, purity - error, purity + error, color=style.LIGHT, linewidth=0)
    ax.plot(
        cut,
        purity,
        "o-",
        color=style.DARK,
        label="purity: of what passes, the share that is no chance",
    )
    ax.plot(
        cut,
        kept,
        "s--",
        color=style.FERMI_COLOR,
        label="completeness: of the counterparts, what passes",
    )
    highest = np.nanmax(np.concatenate(([1.0], kept, purity + error)))  # an estimate may exceed 1
    ax.set(
        xlim=(0, 1),
        ylim=(0, 1.08 * highest),
        xlabel="Least probability $p_i$ that passes",
        ylabel="Share",
    )
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.grid(**style.GRID)
    style.legend(ax, ncols=2)
    style.finish(
        ax,
        calibration,
        "Purity and completeness of associations",
        "The band is the standard error of the purity",
    )
    return ax
