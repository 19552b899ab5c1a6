"""
Where Chandra has looked
========================

All Chandra observations on the sky, coloured by exposure.
"""

from astroquery_cfx import CSCPlaneClass
from astroquery_cfx.archive import EmbeddedArchive
from astroquery_cfx.figures import plot_observations_map

# %%
# The whole table ``chanmaster``, less the observations that have no position. With ``CSCPlane`` in the
# place of ``chandra`` this asks HEASARC.

with EmbeddedArchive() as archive:
    chandra = CSCPlaneClass(vo_url=archive.url)
    observations = chandra.query_observations()

observations[:4]

# %%
# The exposures reach from a moment to weeks, so the colour is logarithmic. Observations that were never
# made have none; they are counted under the title, not drawn.

axes = plot_observations_map(observations)
