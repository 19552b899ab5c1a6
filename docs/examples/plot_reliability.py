"""
Reliability of associations
===========================

The candidates for the counterpart of each Fermi source, and whether their probabilities are right.
"""

import numpy as np

from astroquery_cfx import Fermi4FGL, associate_tables, calibrate_association
from astroquery_cfx.archive.sky import simulated_sky
from astroquery_cfx.fermi import shipped_catalog
from astroquery_cfx.figures import plot_reliability
from astroquery_cfx.files import read_table

# %%
# The simulated sky, where Chandra observed it, and 4FGL-DR4.

sky = simulated_sky()
chandra = read_table(sky["csc"])["name", "ra", "dec", "error_ellipse_r0", "b_flux_ap", "__truth"]
observations = read_table(sky["chanmaster"])
observations = observations[(observations["status"] == "archived") & (observations["exposure"] > 0)]
fermi = Fermi4FGL.get_catalog("DR4", path=shipped_catalog())

# %%
# Candidates and their probabilities. The distribution of fluxes of counterparts is learned from the
# known ones.

options = {
    "left_coordinates": ("ra", "dec"),
    "right_coordinates": ("RAJ2000", "DEJ2000"),
    "fields": observations["ra", "dec"],
    "flux": "b_flux_ap",
}
candidates = associate_tables(chandra, fermi, **options)
best = candidates[candidates["rank"] == 1]

best["Source_Name", "CLASS1", "name", "offset_95", "p_i", "p_any", "confused"][:10]

# %%
# In a simulated sky the true counterparts are known. Fractions of true candidates by probability:

truth = np.asarray(candidates["__truth"]) == np.asarray(candidates["Source_Name"])
probability = np.asarray(candidates["p_i"])
[
    f"{low:.1f}: {truth[(probability >= low) & (probability < low + 0.2)].mean():.2f}"
    for low in (0, 0.2, 0.4, 0.6, 0.8)
]

# %%
# In the real sky they are not: chance candidates are counted in error regions shifted to other
# positions.

calibration = calibrate_association(chandra, fermi, **options, shifts=(2.0, 3.0), angles=4)
axes = plot_reliability(calibration)
