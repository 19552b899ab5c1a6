"""
Classes of Fermi sources in the plane
=====================================

The fractions of Galactic and extragalactic classes among the Fermi sources of the plane, and among
those with a match.
"""

import astropy.units as u

from astroquery_cfx import CSCPlaneClass, Fermi4FGL
from astroquery_cfx.archive import EmbeddedArchive
from astroquery_cfx.fermi import shipped_catalog
from astroquery_cfx.figures import plot_class_shares
from astroquery_cfx.reproduce import class_shares, match_plane

# %%
# The Chandra sources of the plane, 4FGL-DR4, and all pairs of the two within 0.1 degrees.

with EmbeddedArchive() as archive:
    chandra = CSCPlaneClass(vo_url=archive.url)
    sources = chandra.query_plane(10 * u.deg, column_filters={"b_flux_ap": (">", 0)})

fermi = Fermi4FGL.get_catalog("DR4", path=shipped_catalog())
pairs = match_plane(sources, fermi, 0.1 * u.deg)
shares = class_shares(fermi, pairs, 10 * u.deg)

shares

# %%
# Extragalactic sources are seen through the plane, which is transparent to gamma rays.

axes = plot_class_shares(shares)
