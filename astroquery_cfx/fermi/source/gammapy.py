# Licensed under a 3-clause BSD style license - see LICENSE
"""Sources as models of gammapy, where it is installed."""

import warnings

import numpy as np
from astropy import units as u
from astroquery.exceptions import InputWarning

from ...crossmatch.ellipse import axis_scale
from ...errors import MissingDependencyError


def sky_model(source):
    """Return a `FermiSource` as a gammapy ``SkyModel``: spectrum, with errors, and shape."""
    try:
        from gammapy.modeling import models  # an optional extra, and slow to load
    except ImportError as error:
        raise MissingDependencyError(
            "gammapy is not installed.", remedy="pip install 'astroquery_cfx[gammapy]'."
        ) from error
    cutoff = {"index": "index_1", "expfactor": "expfactor", "exp_index": "index_2"}
    model = source.spectral_model
    kind, names = {
        "PowerLaw": (models.PowerLawSpectralModel, {"index": "index"}),
        "LogParabola": (models.LogParabolaSpectralModel, {"index": "alpha", "beta": "beta"}),
        "PLSuperExpCutoff2": (models.SuperExpCutoffPowerLaw4FGLSpectralModel, cutoff),
        "PLSuperExpCutoff4": (models.SuperExpCutoffPowerLaw4FGLDR3SpectralModel, cutoff),
    }[model.form]
    values = {names.get(name, name): value for name, value in model.values.items()}
    values["amplitude"] *= u.Unit("cm-2 s-1 MeV-1")
    spectrum = kind(reference=model.reference * u.MeV, **values)
    for name, uncertainty in model.errors.items():
        spectrum.parameters[names.get(name, name)].error = uncertainty
    return models.SkyModel(
        spectral_model=spectrum, spatial_model=_spatial_model(models, source), name=source.name
    )


def _spatial_model(models, source):
    """Return a point, disk or Gaussian; None, with a warning, for a ring or a map."""
    extended = source.extended_model
    if extended is None:
        return models.PointSpatialModel(
            lon_0=source.position.ra, lat_0=source.position.dec, frame="icrs"
        )
    if extended.form not in ("Disk", "2D Gaussian"):
        warnings.warn(
            f"The template of {extended.name} ({extended.form}, {extended.filename}) is not in the "
            "catalogue: the model has no shape on the sky.",
            InputWarning,
            stacklevel=4,
        )
        return None
    major, minor = extended.semi_major.to_value(u.deg), extended.semi_minor.to_value(u.deg)
    shape = {
        "lon_0": extended.position.ra,
        "lat_0": extended.position.dec,
        "frame": "icrs",
        "e": np.sqrt(1 - (minor / major) ** 2),
        "phi": extended.position_angle,
    }
    if extended.form == "Disk":
        return models.DiskSpatialModel(r_0=major * u.deg, **shape)
    # The catalogue gives the 68% containment radius of a Gaussian, gammapy takes its sigma.
    return models.GaussianSpatialModel(sigma=major / axis_scale(0.68) * u.deg, **shape)
