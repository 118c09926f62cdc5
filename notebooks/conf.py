"""Sphinx settings of the supplement's HTML book. `supplement.py` writes its sources and runs Sphinx.

While the book is built, pandoc turns formulas into MathML. The pages need no script and no network, and the printed
book reads the same TeX. The book ships the font STIX Two Math, from the package ziamath, because not every system has a
font with stretching brackets and accents.
"""

from functools import cache
from importlib import metadata
from pathlib import Path

import pypandoc
import ziamath
from docutils import nodes

project, author, copyright = "alloygrad: the supplement", "The alloygrad authors", "The alloygrad authors"
version = release = metadata.version("alloygrad")
extensions = ["myst_nb", "sphinxcontrib.bibtex"]
nb_execution_mode = "off"
myst_enable_extensions = ["dollarmath"]
bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "unsrt"
numfig = True
numfig_secnum_depth = 0
numfig_format = {"figure": "Figure %s"}
pygments_style = "default"

html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["supplement.css", str(Path(ziamath.__file__).parent / "fonts")]
html_css_files = ["supplement.css"]
html_copy_source = html_use_index = False
html_math_renderer = "mathml"
html_theme_options = {
    "use_download_button": False,
    "use_fullscreen_button": False,
    "navbar_persistent": [],  # the search field is in the side bar
}

# A combining accent hangs to the left of its letter; the free-standing one stands above it.
ACCENTS = str.maketrans({"\u0302": "^", "\u0303": "~", "\u0304": "¯", "\u0307": "˙", "\u0308": "¨", "\u20d7": "→"})


@cache
def mathml(formula: str) -> str:
    """Return the MathML of a formula in TeX. Raises ValueError if pandoc cannot read it."""
    found = pypandoc.convert_text(formula, "html", "commonmark_x", extra_args=["--mathml"]).strip()
    if "<math" not in found:
        raise ValueError(f"Expected TeX that pandoc can read; got {formula}")
    found = found.removeprefix("<p>").removesuffix("</p>").translate(ACCENTS)
    return found.replace('accent="true"', 'accent="true" stretchy="false"')


def inline(translator, node):
    translator.body.append(mathml(f"${node.astext().strip()}$"))
    raise nodes.SkipNode


def display(translator, node):
    translator.body.append(f'<div class="formula">{mathml(f"$${node.astext().strip()}$$")}</div>')
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", inline_renderers=(inline, None), block_renderers=(display, None))
