"""Formulas as MathML: browsers show it by themselves, so that the site needs no network.

docutils translates the TeX. What it cannot translate is a warning, and so an error of the build.
"""

import html
import re

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

log = logging.getLogger(__name__)


def setup(app):
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def inline(translator, node):
    translator.body.append(mathml(node.astext(), node, as_block=False))
    raise nodes.SkipNode


def block(translator, node):
    translator.body.append(translator.starttag(node, "div", CLASS="math notranslate"))
    for formula in re.split(r"\n\s*\n", node.astext()):
        translator.body.append(mathml(formula, node, as_block=True))
    translator.body.append("</div>\n")
    raise nodes.SkipNode


def mathml(tex, node, *, as_block):
    try:
        return tex2mathml(sided(tex), as_block=as_block)
    except MathError as error:
        log.warning("cannot translate the formula: %s", error, location=node)
        return html.escape(tex)


def sided(tex):
    r"""Write ``\Big(`` as ``\Bigl(``, the form that docutils knows."""
    tex = re.sub(r"(\\[Bb]igg?)(?=[(\[])", r"\1l", tex)
    return re.sub(r"(\\[Bb]igg?)(?=[)\]])", r"\1r", tex)
