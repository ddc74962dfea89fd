"""The directive ``formats``: the table of formats that logs may have, from the readers' own one."""

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from plateau.logs.formats.known import FORMATS


def setup(app):
    app.add_directive("formats", Formats)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class Formats(SphinxDirective):
    def run(self):
        found = nodes.container()
        self.state.nested_parse(StringList(table(), source=self.env.docname), 0, found)
        return found.children


def table():
    """Return the lines of the table in Markdown."""
    lines = ["| Format | How it is read | `format` | `plateau watch` |", "|---|---|---|---|"]
    for one in sorted(FORMATS, key=lambda one: one.label.lower()):
        names = ", ".join(f"`{name}`" for name in one.names)
        about = one.about.replace("|", "\\|")
        lines.append(f"| {one.label} | {about} | {names} | {'yes' if one.followed else ''} |")
    return lines
