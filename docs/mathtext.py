# Licensed under a 3-clause BSD style license - see LICENSE
"""Draw formulas as pictures with matplotlib: no LaTeX, and no script from the network."""

import html
import io

import matplotlib as mpl
from docutils import nodes
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import math_to_image
from sphinx.util import logging

_LOOK = {
    "mathtext.fontset": "cm",
    "svg.fonttype": "path",
    "savefig.transparent": True,
    "svg.hashsalt": "math",
}
_BASELINE_DPI = 72


def picture(formula, *, size):
    """Draw a formula: SVG to stand in the text, on the line that the text stands on."""
    drawn = io.StringIO()
    with mpl.rc_context(_LOOK):
        depth = math_to_image(
            f"${' '.join(formula.split())}$",
            drawn,
            format="svg",
            dpi=_BASELINE_DPI,
            prop=FontProperties(size=size),
        )
    svg = drawn.getvalue()
    svg = svg[svg.index("<svg") :]
    start, end = svg.find("<metadata>"), svg.find("</metadata>")
    if start >= 0:
        svg = svg[:start] + svg[end + len("</metadata>") :]
    return svg.replace(
        "<svg ",
        f'<svg role="img" aria-label="{html.escape(formula)}" '
        f'style="vertical-align: -{depth:.1f}pt" ',
        1,
    )


def visit(translator, node):
    """Write one formula, in a line of its own or within the text."""
    block = isinstance(node, nodes.math_block)
    try:
        svg = picture(node.astext(), size=14 if block else 12)
    except ValueError as error:
        logging.getLogger(__name__).warning(
            "formula that matplotlib cannot draw: %s", error, location=node
        )
        svg = html.escape(node.astext())
    tag = "div" if block else "span"
    translator.body.append(f'<{tag} class="formula">{svg}</{tag}>')
    raise nodes.SkipNode


def setup(app):
    """Tell Sphinx of the renderer."""
    app.add_html_math_renderer("mathtext", (visit, None), (visit, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
