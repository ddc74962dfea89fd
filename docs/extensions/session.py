"""The directive ``session``: commands with their output, shown like a terminal and run as a test.

    ```{session}
    $ plateau --version
    plateau 0.1.0
    ```

``sphinx-build -b doctest`` runs each command in a shell and compares what it prints, standard error
included, under the rules of doctest. A command may go on in the next line behind a backslash.
"""

import gzip
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

COLUMNS = 80  # of the terminal


def setup(app):
    app.add_directive("session", Session)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class Session(SphinxDirective):
    has_content = True
    option_spec: ClassVar = {"skipif": directives.unchanged_required}  # as in sphinx.ext.doctest

    def run(self):
        text = "\n".join(self.content)
        block = nodes.literal_block(text, text, language="console")
        # What the doctest builder looks for, as the directives of sphinx.ext.doctest leave it.
        block["testnodetype"], block["groups"], block["options"] = "doctest", ["default"], {}
        block["test"] = as_doctest(self.content)
        block.attributes |= self.options
        self.set_source_info(block)
        return [block]


def as_doctest(lines):
    """Write a session as the doctest that runs it."""
    test, command = [], ""
    for line in lines:
        if command or line.startswith("$ "):
            command += line.removeprefix("$ ")
            if command.endswith("\\"):
                command = command[:-1]
                continue
            test.append(f">>> shell({command!r})")
            command = ""
        else:
            test.append(line or "<BLANKLINE>")
    return "\n".join(test)


def shell(command):
    """Run a command and print what it prints, without the folder of this installation."""
    programs = str(Path(sys.executable).parent)
    done = subprocess.run(
        ["sh", "-c", command],
        env=os.environ
        | {"PATH": programs + os.pathsep + os.environ["PATH"]}
        | {"COLUMNS": str(COLUMNS), "PYTHONUTF8": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    text = done.stdout.replace(str(files("plateau")), "…/plateau")
    lines = [line.rstrip() for line in text.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    if lines:
        print("\n".join(lines))


class Folder:
    """A working folder for the examples of a page.

    It has the programs of `examples`, the small experiment, the sample log where a checkout has
    it, and FastFace's published log where PLATEAU_DATA says that there is one.
    """

    def __init__(self):
        self.before = Path.cwd()
        self.here = tempfile.TemporaryDirectory()
        data = Path(self.here.name, "plateau", "data")
        data.mkdir(parents=True)
        shutil.copy(str(files("plateau") / "data" / "sample.log"), data)
        docs = Path(__file__).parents[1]
        for file in (*docs.glob("examples/*.py"), docs / "experiments" / "small.toml"):
            shutil.copy(file, self.here.name)
        for log in Path(os.environ.get("PLATEAU_DATA", data), "logs").glob("fastface-*/*.txt.gz"):
            Path(self.here.name, log.stem).write_bytes(gzip.decompress(log.read_bytes()))
        os.chdir(self.here.name)

    def leave(self):
        os.chdir(self.before)
        self.here.cleanup()
