# Licensed under a 3-clause BSD style license - see LICENSE
"""What the job found, as a page (data/report.html, data/report.css) and as lines of text."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path
from string import Template

from ..files import write_aside
from .drawings import Drawing

_DATA = Path(__file__).with_name("data")

_CLOSING = """\
|b| <= {b_max}, radius {radius}, Fermi {release}
  Chandra observations          {observations:>10,}
    with a position             {observations_with_position:>10,}
  Chandra sources               {sources:>10,}
    with a positive flux        {sources_with_flux:>10,}
    of these near the plane     {sources_plane:>10,}
  rows of the Fermi catalogue   {fermi_sources:>10,}
  pairs                         {pairs:>10,}
    Fermi sources in them       {fermi_matched:>10,}
    Chandra sources in them     {csc_matched:>10,}
"""


def write_report(summary: dict, drawings: Iterable[Drawing], path: Path) -> None:
    """
    Write the page of a job: its numbers, these figures, its tables, and the proofs.

    `summary` is what ``summary.json`` has; ``figures/`` and ``tables/`` lie beside the page.
    """
    values = {
        key: f"{value:,}"
        for key, value in (summary | summary["left_out"]).items()
        if isinstance(value, int)
    }
    flux = summary["flux"]
    for key in ("min", "max", "mean"):
        values[f"flux_{key}"] = f"{flux[key]:.4g} {escape(flux['unit'])}"
    values |= {name: escape(value) for name, value in summary["parameters"].items()}
    values["release"] = escape(
        summary["fermi"].get("title") or summary["fermi"].get("release", "4FGL")
    )
    values["banner"] = ""
    if summary.get("simulated"):
        values["banner"] = (
            f"<div class='banner' role='note'><b>Simulated data.</b> {escape(summary['simulated'])}"
            " Numbers and figures made from them are not measurements.</div>"
        )
    values["figures"] = "\n".join(_figure(drawing) for drawing in drawings)
    values["figures_left_out"] = "\n".join(
        f"<p class='soft'>Left out: {escape(name.replace('_', ' '))}. {escape(reason)}</p>"
        for name, reason in summary["figures_left_out"].items()
    )
    page = Template((_DATA / "report.html").read_text(encoding="utf-8"))
    for name in page.get_identifiers():
        if name.startswith("links_"):
            values[name] = " ".join(
                f"<a href='{escape(file)}'>{escape(Path(file).suffix[1:])}</a>"
                for file in summary["files"]
                if file.startswith("tables/") and Path(file).stem == name.removeprefix("links_")
            )
    values["proofs"] = "\n".join(
        _proof(name, record or {}) for name, record in summary["completeness"].items()
    )
    values["fermi"] = "\n".join(
        f"<tr><th scope='row'>Fermi {escape(key)}</th><td>{escape(value)}</td></tr>"
        for key, value in summary["fermi"].items()
    )
    versions = summary["versions"]
    values["versions"] = ", ".join(escape(f"{name} {number}") for name, number in versions.items())
    values["version"] = escape(versions["astroquery_cfx"])
    values["style"] = (_DATA / "report.css").read_text(encoding="utf-8")
    with write_aside(path) as aside:
        aside.write_text(page.substitute(values), encoding="utf-8")


def _figure(drawing):
    title, name, caption = (escape(text) for text in (drawing.title, drawing.name, drawing.caption))
    wide = " class='wide'" if drawing.wide else ""
    return (
        f"<figure id='{name}'{wide}><a href='figures/{name}.png'>"
        f"<img src='figures/{name}.png' loading='lazy'"
        f' alt="{title}: {caption}"></a><figcaption><h3>{title}</h3>{caption}'
        f" <a href='figures/{name}.pdf'>PDF</a></figcaption></figure>"
    )


def _proof(name, record):
    numbers = [record.get(key) for key in ("rows", "rows_before", "rows_after")]
    numbers.append(len(record.get("pages", ())))
    cells = "".join(
        f"<td class='number'>{number:,}</td>" if isinstance(number, int) else "<td>-</td>"
        for number in numbers
    )
    adql, service, retrieved = (
        escape(str(record.get(key, "-"))) for key in ("adql", "service", "retrieved")
    )
    return (
        f"<tr><th scope='row'>{escape(name)}</th><td><code>{adql}</code><br>"
        f"<span class='soft'>{service}</span></td>{cells}<td>{retrieved}</td></tr>"
    )


def closing_text(summary: dict, output: Path) -> str:
    """Say what a job found and where its results are, in aligned lines for the terminal."""
    files = summary["files"]
    tables = len({Path(file).stem for file in files if file.startswith("tables/")})
    figures = sum(file.endswith(".png") for file in files)
    text = _CLOSING.format(
        **summary | summary["parameters"], release=summary["fermi"].get("release", "?")
    )
    for what, place in (
        ("page", "index.html"),
        ("summary", "summary.json"),
        (f"{tables} tables", "tables"),
        (f"{figures} figures", "figures"),
    ):
        text += f"  {what:<12}{output / place}\n"
    for name, reason in summary["figures_left_out"].items():
        text += f"  no figure {name}: {reason}\n"
    if summary.get("simulated"):
        text += f"SIMULATED DATA: {summary['simulated']}\n"
    return text
