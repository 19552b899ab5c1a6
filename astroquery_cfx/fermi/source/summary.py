# Licensed under a 3-clause BSD style license - see LICENSE
"""A source in words: for ``print`` and for notebooks."""

from html import escape

import numpy as np

__all__ = ["as_html", "as_text", "summarize"]


def summarize(source):
    """
    What is known of a source, in words.

    Parameters
    ----------
    source : `~astroquery_cfx.fermi.source.FermiSource`
        The source.

    Returns
    -------
    dict
        What -> text; what the file does not have is left out.
    """
    data, entries = source.data, {"Release": source.release, "Class": _class(source)}
    names = [
        f"{name} ({kind})"
        for name, kind in source.associations.iterrows("name", "kind")
        if name != source.name
    ]
    entries["Associations"] = "; ".join(names) or "none"
    entries["Position (ICRS)"] = source.position.to_string("hmsdms", precision=1)
    entries["Position (Galactic)"] = (
        f"l = {data['GLON'].value:.4f}, b = {data['GLAT'].value:.4f} deg"
    )
    entries["95% ellipse"] = _ellipse(data)
    if source.extended_model:
        entries["Template"] = _template(source.extended_model)
    entries["Significance"] = f"{data['Signif_Avg'].value:.1f} sigma"
    entries["Energy flux, 0.1-100 GeV"] = _value(data, "Energy_Flux100")
    entries["Photon flux, 1-100 GeV"] = _value(data, "Flux1000")
    entries["Spectrum"] = _spectrum(source)
    if "Variability_Index" in data:
        entries["Variability index"] = f"{data['Variability_Index'].value:.1f}"
    entries["Flags"] = ", ".join(source.flags) if "Flags" in data and source.flags else "none"
    return entries


def _class(source):
    code = source.data.get("CLASS1", "")
    if not code:
        return source.class_name
    return f"{source.class_name} ({code}, {'identified' if source.identified else 'associated'})"


def _ellipse(data):
    major, minor, angle = (
        data[f"Conf_95_{axis}"].value for axis in ("SemiMajor", "SemiMinor", "PosAng")
    )
    if not np.isfinite(major):
        return "none: the position was not fitted"
    return f"semi-axes {major:.4f} and {minor:.4f} deg, position angle {angle:.1f} deg"


def _template(model):
    major, minor, angle = model.semi_major.value, model.semi_minor.value, model.position_angle.value
    return f"{model.form} of {model.name}, {major:.3f} by {minor:.3f} deg, position angle {angle:.1f} deg"


def _value(data, name):
    value, error = data[name], data[f"Unc_{name}"]
    written = f"{value.value:.3e}" + (f" +- {error.value:.1e}" if np.isfinite(error) else "")
    return f"{written} {value.unit}"


def _spectrum(source):
    data = source.data
    if "PL_Index" not in data:
        return data["SpectrumType"]
    model = source.spectral_model
    errors = {
        name: f"+- {error:.3f}" if error else "(fixed)" for name, error in model.errors.items()
    }
    shape = [
        f"{name} {value:.3f} {errors[name]}"
        for name, value in model.values.items()
        if name != "amplitude"
    ]
    return f"{model.form}: {', '.join(shape)}; reference energy {model.reference:.4g} MeV"


def as_text(source):
    """
    A source as lines of text.

    Parameters
    ----------
    source : `~astroquery_cfx.fermi.source.FermiSource`
        The source.

    Returns
    -------
    str
    """
    entries = summarize(source)
    width = max(map(len, entries))
    return "\n".join(
        [source.name, *(f"  {name:<{width}}  {text}" for name, text in entries.items())]
    )


def as_html(source):
    """
    A source as a table in HTML.

    Parameters
    ----------
    source : `~astroquery_cfx.fermi.source.FermiSource`
        The source.

    Returns
    -------
    str
    """
    rows = "".join(
        f"<tr><th style='text-align:left'>{escape(name)}</th>"
        f"<td style='text-align:left'>{escape(text)}</td></tr>"
        for name, text in summarize(source).items()
    )
    return f"<table><caption><b>{escape(source.name)}</b></caption><tbody>{rows}</tbody></table>"
