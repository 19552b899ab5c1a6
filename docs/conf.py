# Licensed under a 3-clause BSD style license - see LICENSE
"""Configuration of the documentation: sphinx-astropy's, and the gallery.

The pages are built without the network. With the environment variable
CFX_DOCS_ONLINE set, names of other packages link to their documentation.
"""

import os
import sys
import warnings
from pathlib import Path

from astropy.utils.exceptions import AstropyWarning
from sphinx_astropy.conf.v2 import *  # noqa: F403
from sphinx_astropy.conf.v2 import extensions, html_theme_options, intersphinx_mapping
from sphinx_gallery.sorting import ExplicitOrder

from astroquery_cfx import __version__

sys.path.insert(0, str(Path(__file__).parent))
warnings.simplefilter("error", AstropyWarning)  # an example that warns fails

project = "astroquery_cfx"
author = "the astroquery_cfx developers"
copyright = f"2026, {author}"  # noqa: A001
release = __version__
version = release.split("+")[0]

online = bool(os.environ.get("CFX_DOCS_ONLINE"))
if not online:
    intersphinx_mapping.clear()
extensions += ["sphinx_changelog", "sphinx_gallery.gen_gallery", "mathtext"]
extensions.remove("sphinx.ext.mathjax")  # it comes from the network
# It links the sources of ErrorEllipse's module, which is documented in two places, to no place.
extensions.remove("sphinx.ext.viewcode")
html_math_renderer = "mathtext"

exclude_patterns = ["_build", "changes", "examples", "conftest.py"]
suppress_warnings = ["app.add_directive", "config.cache"]
highlight_language = "python"

# Every name of this package must resolve; names of others do when CFX_DOCS_ONLINE is set.
nitpicky = True
_others = (
    r"(astropy|astroquery|gammapy|pyvo|numpy|matplotlib|"
    r"pathlib|requests|collections|enum|threading|time)\."
)
nitpick_ignore_regex = [
    (r"py:.*", _others + ".*"),
    (r"py:(class|obj|exc|meth|attr|data|mod|func)", r"[A-Za-z]+"),
    (r"py:class", r"astroquery_cfx\.tap\.uws\.JobBook"),  # no part of the reference
]

autoclass_content = "class"
autodoc_typehints = "none"  # the docstrings name the types
toc_object_entries_show_parents = "hide"

html_title = f"astroquery_cfx {version}"
html_static_path = ["_static"]
html_css_files = ["cfx.css"]
html_show_sourcelink = False
html_theme_options |= {
    "logo": {"text": "astroquery_cfx"},
    "secondary_sidebar_items": ["page-toc"],
    "header_links_before_dropdown": 6,
    "footer_start": ["copyright"],
    "footer_end": [],
    "navigation_with_keys": False,
}
html_sidebars = {"index": [], "installation": [], "quickstart": []}

# One example a figure, in the order of the job, on the embedded archive.
_examples = [
    "observations_map",
    "sources_map",
    "longitude_histogram",
    "latitude_histogram",
    "plane_strip",
    "matches_map",
    "flux_ratio_strip",
    "match_counts",
    "flux_ratio_by_position",
    "flux_ratio_by_class",
    "matches_by_flux",
    "separations",
    "match_density_map",
    "class_shares",
    "reliability",
    "completeness",
    "any_table",
]
sphinx_gallery_conf = {
    "examples_dirs": ["examples"],
    "gallery_dirs": ["gallery"],
    "filename_pattern": r"plot_",
    "within_subsection_order": ExplicitOrder([f"plot_{name}.py" for name in _examples]),
    "doc_module": ("astroquery_cfx",),
    "backreferences_dir": "api/backreferences",
    "image_scrapers": ("gallery_figures.scrape",),
    "reset_modules": ("matplotlib",),
    "abort_on_example_error": True,
    "only_warn_on_example_error": False,
    "remove_config_comments": True,
    "download_all_examples": False,
    "show_signature": False,
    "thumbnail_size": (480, 360),
    "min_reported_time": 0,
    "copyfile_regex": r".*\.rst",
    "show_memory": False,
    "write_computation_times": False,
}
