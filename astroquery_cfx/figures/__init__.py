# Licensed under a 3-clause BSD style license - see LICENSE
"""
Plot figures of observations, sources, pairs and associations.

One function per figure: it takes a table and returns the axes that it drew on. None of them reads
or writes a file or changes the state of pyplot. ``plot_...(table).figure.savefig("figure.pdf")``
writes a figure; for an array of axes, use ``axes[0].figure``.
"""

from .histograms import plot_latitude_histogram, plot_longitude_histogram
from .maps import plot_match_density_map, plot_matches_map, plot_observations_map, plot_sources_map
from .matches import plot_class_shares, plot_match_counts, plot_matches_by_flux
from .ratios import plot_flux_ratio_by_class, plot_flux_ratio_by_position
from .reliability import plot_completeness, plot_reliability
from .separations import plot_separations
from .strips import plot_flux_ratio_strip, plot_plane_strip

__all__ = [
    "plot_class_shares",
    "plot_completeness",
    "plot_flux_ratio_by_class",
    "plot_flux_ratio_by_position",
    "plot_flux_ratio_strip",
    "plot_latitude_histogram",
    "plot_longitude_histogram",
    "plot_match_counts",
    "plot_match_density_map",
    "plot_matches_by_flux",
    "plot_matches_map",
    "plot_observations_map",
    "plot_plane_strip",
    "plot_reliability",
    "plot_separations",
    "plot_sources_map",
]
