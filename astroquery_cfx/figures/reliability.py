# Licensed under a 3-clause BSD style license - see LICENSE
"""Check the probabilities of associations, and what a cut in them keeps."""

import numpy as np
from astropy.table import Table
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from . import style
from .rows import choose_rows, floats

_FEWEST = 10  # candidates per point: error bars of fewer would span most of the axis


def plot_reliability(calibration: Table, *, ax: Axes | None = None) -> Axes:
    """
    Plot a reliability diagram: the fraction of true candidates against their mean probability.

    Each point stands for the candidates between two cuts. How many of them are there by chance is
    known from regions shifted to other positions. If the probabilities are right, the points lie
    on the diagonal.

    Parameters
    ----------
    calibration : `~astropy.table.Table`
        The result of `~astroquery_cfx.calibrate_association` by ``p_i``: the columns ``cut``,
        ``num``, ``expected_true``, ``chance`` and ``chance_error``.
    ax : `~matplotlib.axes.Axes`, optional
        Axes to draw on. Those of a new figure by default.

    Returns
    -------
    `~matplotlib.axes.Axes`
        The axes drawn on. ``ax.figure.savefig(...)`` writes the figure.

    Raises
    ------
    InvalidInputError
        If a column is missing or not valid, or no row can be drawn.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.figures import plot_reliability
    >>> calibration = Table({"cut": [0.2, 0.6], "num": [90, 50], "expected_true": [58.0, 42.0],
    ...                      "chance": [31.0, 9.0], "chance_error": [3.0, 1.5]})
    >>> plot_reliability(calibration).get_xlabel()
    'Mean probability $p_i$ of the candidates'
    """
    order = _order_by_cut(calibration)
    # Rows count all candidates above a cut: differences count those up to the next.
    above = [floats(calibration, name)[order] for name in ("num", "expected_true", "chance")]
    number, expected, chance = (values - np.append(values[1:], 0.0) for values in above)
    error = floats(calibration, "chance_error")[order]
    # The variance of the expected chance, and Poisson's of the number that is there by chance.
    variance = np.abs(error**2 - np.append(error[1:], 0.0) ** 2) + np.maximum(chance, 1)
    enough = number >= _FEWEST
    number = np.maximum(number, 1)
    (ax,) = style.plain_axes(calibration, ax)
    label = "what the probabilities say"
    ax.plot([0, 1], [0, 1], color=style.LAW_COLOR, linewidth=1.6, label=label)
    ax.errorbar(
        (expected / number)[enough],
        (1 - chance / number)[enough],
        (np.sqrt(variance) / number)[enough],
        fmt="o",
        color=style.DARK,
        capsize=3,
        label=f"candidates between two cuts ({_FEWEST} or more)",
    )
    ax.set(xlim=(0, 1), xlabel="Mean probability $p_i$ of the candidates")
    ax.set(ylim=(-0.05, 1.08), ylabel="Share that is no chance")
    ax.xaxis.set_major_formatter(PercentFormatter(1))
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.grid(**style.GRID)
    style.legend(ax, ncols=2)
    title = "Do the probabilities of association mean what they say?"
    note = "chance from the regions at other places in observed fields"
    style.finish(ax, calibration, title, f"{above[0][0]:,.0f} candidates; {note}")
    return ax


def plot_completeness(calibration: Table, *, ax: Axes | None = None) -> Axes:
    """
    Plot the completeness and the purity of the associations above a cut in probability.

    Parameters
    ----------
    calibration : `~astropy.table.Table`
        The result of `~astroquery_cfx.calibrate_association` by ``p_i``: the columns ``cut``,
        ``reliability``, ``reliability_error`` and ``completeness``.
    ax : `~matplotlib.axes.Axes`, optional
        Axes to draw on. Those of a new figure by default.

    Returns
    -------
    `~matplotlib.axes.Axes`
        The axes drawn on. ``ax.figure.savefig(...)`` writes the figure.

    Raises
    ------
    InvalidInputError
        If a column is missing or not valid, or no row can be drawn.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from astroquery_cfx.figures import plot_completeness
    >>> calibration = Table({"cut": [0.2, 0.6], "reliability": [0.7, 0.9],
    ...                      "reliability_error": [0.03, 0.02], "completeness": [0.9, 0.6]})
    >>> plot_completeness(calibration).get_xlabel()
    'Least probability $p_i$ that passes'
    """
    order = _order_by_cut(calibration)
    cut, purity, error, completeness = (
        floats(calibration, name)[order]
        for name in ("cut", "reliability", "reliability_error", "completeness")
    )
    (ax,) = style.plain_axes(calibration, ax)
    ax.fill_between(cut, purity - error, purity + error, color=style.LIGHT, linewidth=0)
    label = "purity: of what passes, the share that is no chance"
    ax.plot(cut, purity, "o-", color=style.DARK, label=label)
    label = "completeness: of the counterparts, what passes"
    ax.plot(cut, completeness, "s--", color=style.FERMI_COLOR, label=label)
    # Estimates may exceed 1.
    highest = np.nanmax(np.concatenate(([1.0], completeness, purity + error)))
    ax.set(xlim=(0, 1), xlabel="Least probability $p_i$ that passes")
    ax.set(ylim=(0, 1.08 * highest), ylabel="Share")
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.grid(**style.GRID)
    style.legend(ax, ncols=2)
    note = "The band is the standard error of the purity"
    style.finish(ax, calibration, "Purity and completeness of associations", note)
    return ax


def _order_by_cut(calibration):
    """Return the rows with a cut in probability, in its order."""
    cut = floats(calibration, "cut")
    drawn, _ = choose_rows("cuts", ((cut >= 0) & (cut < 1), "that are not a probability"))
    return np.flatnonzero(drawn)[np.argsort(cut[drawn])]
