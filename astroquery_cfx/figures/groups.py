# Licensed under a 3-clause BSD style license - see LICENSE
"""Points by the group of their Fermi source: Galactic, extragalactic, unknown, or unassociated."""

import numpy as np
from matplotlib.lines import Line2D

from ..fermi.classes import class_group
from .rows import texts
from .style import GROUPS, legend

__all__ = ["class_groups", "draw_groups", "group_legend"]


def class_groups(table):
    """The group of each row from its ``fermi_class``."""
    codes, row = np.unique(texts(table, "fermi_class"), return_inverse=True)
    return np.array([class_group(code) for code in codes], dtype="U16")[row]


def draw_groups(ax, x, y, groups, *, size, alpha=0.8, edge=0.4):
    """Points, a colour and a marker a group; the largest group first, so that small ones lie on top."""
    names, counts = np.unique(groups, return_counts=True)
    for name in names[np.argsort(-counts, kind="stable")]:
        of = groups == name
        ax.plot(
            x[of],
            y[of],
            linestyle="none",
            markersize=size,
            alpha=alpha,
            markeredgewidth=edge,
            markeredgecolor="white",
            rasterized=len(x) > 2000,
            gid=name,
            **GROUPS[name],
        )


def group_legend(ax, groups, **look):
    """A legend of the groups that are drawn, Galactic to unassociated."""
    legend(
        ax,
        [
            Line2D([], [], linestyle="none", markersize=7, label=name, **GROUPS[name])
            for name in GROUPS
            if name in groups
        ],
        **look,
    )
