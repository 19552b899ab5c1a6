"""
Separations: counterparts or chance?
====================================

The separations of Chandra and Fermi sources, in degrees and in units of the 95% error ellipse.
"""

import astropy.units as u

from astroquery_cfx import CSCPlaneClass, Fermi4FGL
from astroquery_cfx.archive import EmbeddedArchive
from astroquery_cfx.fermi import shipped_catalog
from astroquery_cfx.figures import plot_separations
from astroquery_cfx.reproduce import match_plane, separations_table

# %%
# The Chandra sources of the plane, 4FGL-DR4, and all pairs of the two within 0.1 degrees.

with EmbeddedArchive() as archive:
    chandra = CSCPlaneClass(vo_url=archive.url)
    sources = chandra.query_plane(10 * u.deg, column_filters={"b_flux_ap": (">", 0)})

fermi = Fermi4FGL.get_catalog("DR4", path=shipped_catalog())
pairs = match_plane(sources, fermi, 0.1 * u.deg)
separations = separations_table(pairs)

separations[:4]

# %%
# True counterparts would follow a Rayleigh distribution, chance pairs are proportional to the area.
# Most pairs are chance pairs: a match within 0.1 degrees is not yet an association.

axes = plot_separations(separations)
