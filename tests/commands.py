"""Run the commands of README and documentation from a fresh clone, in a fresh environment.

    python tests/commands.py [--all]

Each block of shell commands is one script. Those that take minutes are run with ``--all`` only, and
then installations bring what they depend on. What a reader has to bring (a log, a folder of runs, a
training that writes one) is made up here. Blocks with their output, ``{session}``, are run by
Sphinx instead.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).parents[1]
PAGES = ["README.md", "CONTRIBUTING.md", "docs/*.md"]
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?:`|run: )((?:python -m )?pip install\s[^`\n]+(?:\n[^`\n]+`)?)")
"""Installations within a sentence or a workflow."""

SLOW = (
    "python -m pytest",
    "python -m tests.benchmarks",
    "python tests/benchmarks/watch_",
    "plateau-face",
    "sphinx-build",
)
"""What commands have that take minutes."""

ELSEWHERE = {
    ".ci/run": "runs this",
    "plateau-face pack": "needs the images of the experiment",
    "plateau-face compare": "takes hours",
    "python docs/experiments/make_results.py": "needs their results",
    "s3://": "needs a bucket",
    "tcp://": "needs a cluster",
    "kafka://": "needs a broker",
    "redis://": "needs a server",
    "pyspark": "needs an environment of its own",
    "apache-flink": "needs an environment of its own",
    "python tests/streams/engines.py": "needs Spark or Flink",
}
"""What commands have that are never run here, and why."""

PRELUDE = """
set -euo pipefail
# A watch goes on until Ctrl-C, which comes after some seconds.
plateau() {
    [[ $1 == watch && $* != *--idle* ]] || { command plateau "$@"; return; }
    timeout --signal INT --preserve-status 10 plateau "$@" || [[ $? == 130 ]]
}
"""
TRAINING = """\
import sys, time
for line in open("train.log"):
    sys.stdout.write(line)
sys.stdout.flush()
time.sleep(600)
"""


def main():
    everything = "--all" in sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder, "plateau")
        subprocess.run(["git", "clone", "--quiet", TOP, clone], check=True)
        environment = fresh_environment(Path(folder, "venv"), everything)
        shell("python -m pip install .", clone, environment)
        furnish(clone)
        index = index_of(clone, environment)
        for page, commands in pages(clone):
            wanted = [one for one in commands if runs(one, everything)]
            for command in filter(is_installation, wanted):
                install(command, clone, environment, index, everything)
            rest = [one for one in wanted if not is_installation(one)]
            if rest:
                print(f"\n== {page}", *rest, sep="\n   ", flush=True)
                shell(PRELUDE + "\n".join(rest), clone, environment)
    print("\nThe commands of README and docs run.")


def pages(top):
    """Yield the commands of each block with its page, and those within sentences."""
    for path in sorted(path for pattern in PAGES for path in top.glob(pattern)):
        page, text = path.relative_to(top), path.read_text()
        for block in BLOCK.findall(text):
            yield page, commands_of(block)
        inline = [" ".join(one.replace("`", "").split()) for one in INLINE.findall(text)]
        if inline:
            yield page, inline


def commands_of(block):
    """Return the commands of a block; one that goes on in the next line is one."""
    lines = block.replace("\\\n", " ").splitlines()
    commands = (re.sub(r"\s+# .*", "", line).strip() for line in lines)
    return [part for command in commands if command for part in command.split(" && ")]


def runs(command, everything):
    """Whether a command is run; if not, say why."""
    for part, why in ELSEWHERE.items():
        if part in command:
            print(f"not run, {why}: {command}")
            return False
    if any(part in command for part in SLOW) and not everything:
        print(f"not run, slow: {command}")
        return False
    return True


def is_installation(command):
    return "pip install" in command


def fresh_environment(venv, everything):
    """Return the environment variables under which a new venv is found first."""
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    stubs = venv.parent / "stubs"
    stubs.mkdir()
    notify = stubs / "notify-send"
    notify.write_text("#!/bin/sh\n")
    notify.chmod(0o755)
    path = os.pathsep.join([str(venv / "bin"), str(stubs), os.environ["PATH"]])
    summary = str(venv.parent / "summary.md")
    constraints = {} if everything else {"PIP_CONSTRAINT": str(TOP / "constraints.txt")}
    own = {"PATH": path, "GITHUB_STEP_SUMMARY": summary, "MPLBACKEND": "Agg"}
    return kept | own | constraints


def furnish(clone):
    """Make what a reader has: a log, a folder of runs, and a training."""
    sample = clone / "plateau" / "data" / "sample.log"
    (clone / "runs").mkdir()
    for name in ("train.log", "run.log", "runs/train.log"):
        shutil.copy(sample, clone / name)
    (clone / "train.py").write_text(TRAINING)


def index_of(clone, environment):
    """Return a folder with the wheel, as an index would have it."""
    folder = clone.parent / "index"
    shell(
        f"python -m pip wheel --quiet --no-deps -w {shlex.quote(str(folder))} .", clone, environment
    )
    return folder


def install(command, clone, environment, index, everything):
    """Try an installation without doing it: from the checkout, and once published from an index."""
    words = shlex.split(command)
    words[words.index("install") + 1 : words.index("install") + 1] = ["--dry-run"]
    here = [] if everything else ["--no-deps"]
    published = [re.sub(r"^\.(?=$|\[)", "plateau-detect", word) for word in words]
    there = [*here, *([] if everything else ["--no-index"]), "--find-links", str(index)]
    # In a checkout nothing comes from an index; the name there is another's until it is published.
    tried = [[*words, *here], [*published, "--force-reinstall", *there]]
    foreign = not any(word.startswith((".", "plateau-detect")) for word in words)
    for one in tried[:1] if "-e" in words or foreign else tried:
        said = shell(shlex.join(one), clone, environment)
        print(f"\n== {shlex.join(one)}", *said.splitlines()[-1:], sep="\n   ", flush=True)
        if "does not provide the extra" in said:
            sys.exit(said)


def shell(script, folder, environment):
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{done.stdout}\nexit code {done.returncode}:\n{script}")
    return done.stdout


if __name__ == "__main__":
    main()
