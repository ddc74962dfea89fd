"""Directives that only the site needs, as comments of Markdown: who reads the file sees nothing.

    <!-- {testsetup}
    from pathlib import Path
    -->

is the directive ``testsetup`` to Sphinx, in as many lines.
"""

import re

DIRECTIVE = re.compile(r"^<!-- (\{\w+\}\n.*?^)-->$", re.MULTILINE | re.DOTALL)


def setup(app):
    app.connect("source-read", read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def read(app, page, source):
    source[0] = DIRECTIVE.sub(r"```\1```", source[0])
