# Licensed under a 3-clause BSD style license - see LICENSE
"""
Figures
-------

One function a figure: it takes a table and returns the axes it drew on. None of them reads or writes a
file, and none touches the state of pyplot: ``plot_...(table).figure.savefig("figure.pdf")`` writes a figure
(of an array of axes, ``axes[0].figure``).
"""

from .calibration import plot_completeness, plot_reliability
from .histograms import plot_latitude_histogram, plot_longitude_histogram
from .maps import plot_match_density_map, plot_matches_map, plot_observations_map, plot_sources_map
from .matches import plot_match_counts, plot_matches_by_flux
from .ratios import plot_flux_ratio_by_class, plot_flux_ratio_by_position
from .separations import plot_separations
from .shares import plot_class_shares
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
