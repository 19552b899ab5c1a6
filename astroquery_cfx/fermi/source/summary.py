# Licensed under a 3-clause BSD style license - see LICENSE
"""A source in words: for ``print`` and for notebooks."""

from html import escape

import numpy as np


def summarize(source) -> dict[str, str]:
    """Return what is known of a `FermiSource`: a label and a text for each thing the file has."""
    data, code = source.data, source.data.get("CLASS1", "")
    entries = {"Release": source.release, "Class": source.class_name}
    if code:
        entries["Class"] += f" ({code}, {'identified' if source.identified else 'associated'})"
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
    ellipse = [data[f"Conf_95_{axis}"].value for axis in ("SemiMajor", "SemiMinor", "PosAng")]
    entries["95% ellipse"] = "none: the position was not fitted"
    if np.isfinite(ellipse[0]):
        entries["95% ellipse"] = (
            "semi-axes {:.4f} and {:.4f} deg, position angle {:.1f} deg".format(*ellipse)
        )
    if model := source.extended_model:
        entries["Template"] = (
            f"{model.form} of {model.name}, {model.semi_major.value:.3f} by "
            f"{model.semi_minor.value:.3f} deg, position angle {model.position_angle.value:.1f} deg"
        )
    entries["Significance"] = f"{data['Signif_Avg'].value:.1f} sigma"
    entries["Energy flux, 0.1-100 GeV"] = _with_error(data, "Energy_Flux100")
    entries["Photon flux, 1-100 GeV"] = _with_error(data, "Flux1000")
    entries["Spectrum"] = _spectrum(source)
    if "Variability_Index" in data:
        entries["Variability index"] = f"{data['Variability_Index'].value:.1f}"
    entries["Flags"] = ", ".join(source.flags) if "Flags" in data and source.flags else "none"
    return entries


def _with_error(data, name) -> str:
    value, error = data[name], data[f"Unc_{name}"]
    uncertainty = f" +- {error.value:.1e}" if np.isfinite(error) else ""
    return f"{value.value:.3e}{uncertainty} {value.unit}"


def _spectrum(source) -> str:
    """Return the form and the parameters of the spectrum; without them, its type."""
    if "PL_Index" not in source.data:
        return source.data["SpectrumType"]
    model = source.spectral_model
    shape = []
    for name, value in model.values.items():
        error = f"+- {model.errors[name]:.3f}" if model.errors[name] else "(fixed)"
        if name != "amplitude":
            shape.append(f"{name} {value:.3f} {error}")
    return f"{model.form}: {', '.join(shape)}; reference energy {model.reference:.4g} MeV"


def as_text(source) -> str:
    """Return the summary of a `FermiSource` as lines of text."""
    entries = summarize(source)
    width = max(map(len, entries))
    lines = [f"  {name:<{width}}  {text}" for name, text in entries.items()]
    return "\n".join([source.name, *lines])


def as_html(source) -> str:
    """Return the summary of a `FermiSource` as a table in HTML."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{escape(name)}</th>"
        f"<td style='text-align:left'>{escape(text)}</td></tr>"
        for name, text in summarize(source).items()
    )
    return f"<table><caption><b>{escape(source.name)}</b></caption><tbody>{rows}</tbody></table>"
