"""
Map of observations
===================

All Chandra observations on the sky, coloured by exposure.
"""

from astroquery_cfx import CSCPlaneClass
from astroquery_cfx.archive import EmbeddedArchive
from astroquery_cfx.figures import plot_observations_map

# %%
# The complete table ``chanmaster``, except for observations without a position. With ``CSCPlane``
# instead of ``chandra`` this queries HEASARC.

with EmbeddedArchive() as archive:
    chandra = CSCPlaneClass(vo_url=archive.url)
    observations = chandra.query_observations()

observations[:4]

# %%
# Exposures range from seconds to weeks, so the colour scale is logarithmic. Observations that were
# never made have an exposure of zero: they are counted under the title, but not drawn.

axes = plot_observations_map(observations)
