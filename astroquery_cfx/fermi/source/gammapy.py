# Licensed under a 3-clause BSD style license - see LICENSE
"""Sources as models of gammapy, where it is installed."""

import warnings

import numpy as np
from astropy import units as u
from astroquery.exceptions import InputWarning

from ...errors import MissingDependencyError

__all__ = ["sky_model", "spatial_model", "spectral_model"]

_SIGMA_68 = np.sqrt(-2 * np.log(1 - 0.68))  # radius with 68% of a 2-D Gaussian, in sigma


def _models():
    """The models of gammapy."""
    try:
        from gammapy.modeling import models
    except ImportError as error:
        raise MissingDependencyError(
            "gammapy is not installed.", remedy="pip install 'astroquery_cfx[gammapy]'."
        ) from error
    return models


def sky_model(source):
    """
    A source as a model of gammapy.

    Parameters
    ----------
    source : `~astroquery_cfx.fermi.source.FermiSource`
        The source.

    Returns
    -------
    `gammapy.modeling.models.SkyModel`
        The spectrum with the errors of its parameters, and a point, disk or Gaussian on the sky. For a ring
        or a map, whose template is not in the catalogue, there is no spatial model, and a warning says so.
    """
    return _models().SkyModel(
        spectral_model=spectral_model(source.spectral_model),
        spatial_model=spatial_model(source),
        name=source.name,
    )


def spectral_model(model):
    """
    A spectrum as a model of gammapy.

    Parameters
    ----------
    model : `~astroquery_cfx.fermi.source.spectral_model.SpectralModel`
        The spectrum.

    Returns
    -------
    `gammapy.modeling.models.SpectralModel`
    """
    models = _models()
    kind, names = {
        "PowerLaw": (models.PowerLawSpectralModel, {"index": "index"}),
        "LogParabola": (models.LogParabolaSpectralModel, {"index": "alpha", "beta": "beta"}),
        "PLSuperExpCutoff2": (
            models.SuperExpCutoffPowerLaw4FGLSpectralModel,
            {"index": "index_1", "expfactor": "expfactor", "exp_index": "index_2"},
        ),
        "PLSuperExpCutoff4": (
            models.SuperExpCutoffPowerLaw4FGLDR3SpectralModel,
            {"index": "index_1", "expfactor": "expfactor", "exp_index": "index_2"},
        ),
    }[model.form]
    names = {"amplitude": "amplitude"} | names
    values = {names[name]: value for name, value in model.values.items()}
    values["amplitude"] *= u.Unit("cm-2 s-1 MeV-1")
    made = kind(reference=model.reference * u.MeV, **values)
    for name, error in model.errors.items():
        made.parameters[names[name]].error = error
    return made


def spatial_model(source):
    """
    The shape of a source on the sky as a model of gammapy.

    Parameters
    ----------
    source : `~astroquery_cfx.fermi.source.FermiSource`
        The source.

    Returns
    -------
    `gammapy.modeling.models.SpatialModel` or None
        None for a ring or a map. The sigma of a Gaussian is the 68% radius, which the catalogue gives, over
        1.51.
    """
    models, extended = _models(), source.extended_model
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
    return models.GaussianSpatialModel(sigma=major / _SIGMA_68 * u.deg, **shape)
