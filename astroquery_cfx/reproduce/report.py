# Licensed under a 3-clause BSD style license - see LICENSE
"""The page of the job: one file that shows the numbers, the figures, the tables and the proofs."""

from html import escape
from pathlib import Path

from ..files import write_aside

__all__ = ["write_report"]

_STYLE = """
:root { --ink: #1b2330; --soft: #596579; --line: #d8dee8; --paper: #ffffff; --ground: #f4f6f9; --accent:
#1f4e79; } * { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); overflow-wrap: break-word;
       font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
header, main, footer { max-width: 76rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.2rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .4rem; }
h2 { font-size: 1.3rem; margin: 2.6rem 0 .8rem; padding-top: .4rem; border-top: 2px solid var(--accent); }
h3 { font-size: 1.02rem; margin: .7rem 0 .2rem; }
p { margin: .4rem 0; max-width: 62rem; }
a { color: var(--accent); }
nav a { margin-right: 1.1rem; }
.soft { color: var(--soft); }
.banner { background: #fff3d6; border: 1px solid #c98a00; border-left: 8px solid #c98a00; border-radius: 4px;
          padding: .7rem 1rem; margin: 1rem 0; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .8rem; }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: 6px; padding: .7rem .9rem; }
.card b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(34rem, 100%), 1fr)); gap:
1.1rem; } figure { margin: 0; background: var(--paper); border: 1px solid var(--line); border-radius: 6px;
padding: .9rem; } figure.wide { grid-column: 1 / -1; }
figure img { width: 100%; height: auto; display: block; }
figcaption { margin-top: .5rem; font-size: .95rem; }
.scroll { overflow-x: auto; background: var(--paper); border: 1px solid var(--line); border-radius: 6px; }
table { border-collapse: collapse; width: 100%; font-size: .95rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .8rem; border-bottom: 1px solid var(--line); }
.numbers { margin-top: .8rem; }
.numbers th { font-weight: normal; }
tr:last-child > * { border-bottom: 0; }
td.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
code { font: .86em/1.4 ui-monospace, "DejaVu Sans Mono", Consolas, monospace; overflow-wrap: anywhere; }
td code { display: inline-block; min-width: 15rem; }
footer { padding-top: 1.6rem; padding-bottom: 2.5rem; font-size: .9rem; }
"""

_NUMBERS = (
    ("observations", "Chandra observations"),
    ("observations_with_position", "Chandra observations with a position"),
    ("sources", "Chandra sources"),
    ("sources_with_flux", "Chandra sources with a positive flux (0.5-7 keV)"),
    ("sources_plane", "Chandra sources with a positive flux near the plane"),
    ("fermi_sources", "Rows of the Fermi catalogue"),
    ("pairs", "Pairs within the radius"),
    ("fermi_matched", "Fermi sources in the pairs"),
    ("csc_matched", "Chandra sources in the pairs"),
    ("pulsars_matched", "Pulsars among these Fermi sources"),
)
_CARDS = {
    "sources": "Chandra sources",
    "sources_plane": "with a flux, near the plane",
    "pairs": "pairs",
    "fermi_matched": "Fermi sources in them",
}
_TABLES = {
    "matched": "Each pair: names, Galactic positions, fluxes, error radius, class, separation.",
    "grouped": "One row a Fermi source, with the lists of its Chandra sources.",
    "separations": "Each pair: separation, position angle, offset in units of the 95% error ellipse.",
    "class_shares": "Galactic and extragalactic classes in the plane, and among the matched.",
    "pulsars": "The matched Fermi sources that are pulsars.",
    "sources_plane": "The Chandra sources near the plane with a positive flux.",
    "observations": "The Chandra observations with a position.",
}
_CITATIONS = (
    "Chandra Source Catalog: Evans et al. 2010, ApJS 189, 37; Evans et al. 2024, ApJS 274, 22.",
    "Fermi LAT: Abdollahi et al. 2022, ApJS 260, 53 (4FGL-DR3); Ballet et al. 2023, arXiv:2307.12546"
    " (4FGL-DR4).",
    "HEASARC, a service of the Astrophysics Science Division at NASA/GSFC.",
    "astropy: Astropy Collaboration 2022, ApJ 935, 167. astroquery: Ginsburg et al. 2019, AJ 157, 98.",
)


def write_report(summary, drawings, path):
    """
    Write the page of a job.

    Parameters
    ----------
    summary : dict
        What stands in ``summary.json``.
    drawings : iterable
        The figures to show, each with name, title and caption.
    path : str or `~pathlib.Path`
        The page; ``figures/`` and ``tables/`` lie beside it.
    """
    parameters = summary["parameters"]
    body = "\n".join(
        [
            _header(summary),
            "<main>",
            _section("numbers", "What was found", _cards(summary) + _numbers(summary)),
            _section("figures", "Figures", _figures(drawings, summary)),
            _section("tables", "Tables", _tables(summary["files"])),
            _section(
                "proof",
                "Proof that the tables are complete",
                _completeness(summary["completeness"]),
            ),
            _section("sources", "Sources and versions", _origin(summary)),
            "</main>",
            f"<footer class='soft'>Made by astroquery_cfx {escape(summary['versions']['astroquery_cfx'])}, with"
            f" |b| &le; {escape(parameters['b_max'])} and a radius of {escape(parameters['radius'])}."
            " All of it is in <a href='summary.json'>summary.json</a>.</footer>",
        ]
    )
    with write_aside(Path(path)) as aside:
        aside.write_text(_page(body), encoding="utf-8")


def _page(body):
    return (
        "<!DOCTYPE html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>\n"
        "<title>Chandra and Fermi sources in the Galactic plane</title>\n"
        f"<link rel='icon' href='data:,'>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _header(summary):
    parameters = summary["parameters"]
    release = summary["fermi"].get("title") or summary["fermi"].get("release", "4FGL")
    banner = ""
    if summary.get("simulated"):
        banner = (
            f"<div class='banner' role='note'><b>Simulated data.</b> {escape(summary['simulated'])}"
            " Numbers and figures made from them are no measurements.</div>"
        )
    b_max, radius = escape(parameters["b_max"]), escape(parameters["radius"])
    return (
        "<header><h1>Chandra and Fermi sources in the Galactic plane</h1>"
        f"<p class='soft'>Chandra sources within {b_max} of the plane that lie within {radius}"
        f" of a source of {escape(release)}.</p>"
        "<nav><a href='#numbers'>Numbers</a><a href='#figures'>Figures</a><a href='#tables'>Tables</a>"
        f"<a href='#proof'>Proof</a><a href='#sources'>Sources</a></nav>{banner}</header>"
    )


def _section(name, title, content):
    return f"<section id='{name}'><h2>{title}</h2>{content}</section>"


def _cards(summary):
    cards = "".join(
        f"<div class='card'><b>{summary[key]:,}</b>{escape(words)}</div>"
        for key, words in _CARDS.items()
    )
    return f"<div class='cards'>{cards}</div>"


def _numbers(summary):
    flux, left_out = summary["flux"], summary["left_out"]
    rows = [(escape(words), f"{summary[key]:,}") for key, words in _NUMBERS]
    rows += [
        (f"{escape(name)} flux of the sources with one", _scientific(flux[key], flux["unit"]))
        for key, name in (("min", "Least"), ("max", "Largest"), ("mean", "Mean"))
    ]
    rows += [
        (f"Left out: {escape(key.replace('_', ' '))}", f"{number:,}")
        for key, number in left_out.items()
    ]
    cells = "".join(
        f"<tr><th scope='row'>{words}</th><td class='number'>{number}</td></tr>"
        for words, number in rows
    )
    return f"<div class='scroll numbers'><table>{cells}</table></div>"


def _scientific(value, unit):
    return "none" if value is None else f"{value:.4g} {escape(unit)}"


def _figures(drawings, summary):
    shown = "".join(_figure(drawing) for drawing in drawings)
    missing = "".join(
        f"<p class='soft'>Left out: {escape(name.replace('_', ' '))}. {escape(reason)}</p>"
        for name, reason in summary["figures_left_out"].items()
    )
    return f"<div class='figures'>{shown}</div>{missing}"


def _figure(drawing):
    title, name = escape(drawing.title), escape(drawing.name)
    caption = escape(drawing.caption)
    wide = " class='wide'" if drawing.wide else ""
    return (
        f"<figure id='{name}'{wide}><a href='figures/{name}.png'>"
        f"<img src='figures/{name}.png' loading='lazy'"
        f' alt="{title}: {caption}"></a><figcaption><h3>{title}</h3>{caption}'
        f" <a href='figures/{name}.pdf'>PDF</a></figcaption></figure>"
    )


def _tables(files):
    rows = "".join(
        f"<tr><th scope='row'>{escape(name)}</th><td>{escape(words)}</td>"
        f"<td>{_links(name, files)}</td></tr>"
        for name, words in _TABLES.items()
    )
    return f"<div class='scroll'><table>{rows}</table></div>"


def _links(name, files):
    found = [
        file for file in files if Path(file).parent.name == "tables" and Path(file).stem == name
    ]
    return " ".join(
        f"<a href='{escape(file)}'>{escape(Path(file).suffix[1:])}</a>" for file in found
    )


def _completeness(records):
    head = (
        "<tr><th>Table</th><th>Query</th><th>Rows</th><th>Counted before</th><th>Counted after</th>"
        "<th>Pages</th><th>Retrieved (UTC)</th></tr>"
    )
    rows = "".join(_proof(name, record or {}) for name, record in records.items())
    return (
        "<p>Each table was counted at the archive, fetched in pages, and counted again. Pages with their"
        " checksums stand in summary.json.</p>"
        f"<div class='scroll'><table>{head}{rows}</table></div>"
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


def _origin(summary):
    fermi = "".join(
        f"<tr><th scope='row'>Fermi {escape(key)}</th><td>{escape(value)}</td></tr>"
        for key, value in summary["fermi"].items()
    )
    versions = ", ".join(
        f"{escape(name)} {escape(number)}" for name, number in summary["versions"].items()
    )
    citations = "".join(f"<li>{escape(text)}</li>" for text in _CITATIONS)
    rows = f"{fermi}<tr><th scope='row'>Versions</th><td>{versions}</td></tr>"
    return (
        f"<div class='scroll'><table>{rows}</table></div><h3>Please cite</h3><ul>{citations}</ul>"
    )
