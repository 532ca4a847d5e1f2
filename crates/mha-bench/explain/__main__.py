"""Says which kernel suits which Apple GPU, and why: makes results/apple-agx.md and .svg of the figures in results/apple-agx.json.

    python3 crates/mha-bench/explain

asks cargo which kernels Apple GPUs may get, and needs nothing but Python. The figures themselves are made by `ci/agx_figures`,
which calls this with `--record COMMAND...`: a program that compiles the kernel and constants it is given, and prints what
Mesa's driver for Apple's GPUs prints.
"""

import argparse
import datetime
import json
import os
import pathlib
import subprocess
import sys

import agx
import figures
import page

RESULTS = pathlib.Path(__file__).resolve().parent.parent / "results"
DATA = RESULTS / "apple-agx.json"


def write(directory, contents):
    for name, content in contents.items():
        unfinished = directory / f"{name}.tmp"
        unfinished.write_text(content)
        os.replace(unfinished, directory / name)


class Parser(argparse.ArgumentParser):
    def error(self, message):
        """One line, without the usage."""
        self.exit(2, f"error: {message} (--help lists the options)\n")


def main():
    options = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--record", nargs=argparse.REMAINDER, metavar="COMMAND", help="record the figures by this first")
    arguments = options.parse_args()
    if arguments.record == []:
        options.error("--record needs the command that compiles a kernel; ci/agx_figures has one")
    try:
        entries = figures.listing()
        if arguments.record:
            today = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")
            agx.record(arguments.record, entries, DATA, today)
        recorded = json.loads(DATA.read_text())
        write(RESULTS, page.files(figures.joined(entries, recorded), recorded))
    except (agx.Unusable, figures.Missing, FileNotFoundError) as problem:
        sys.exit(f"error: {problem}")
    except subprocess.CalledProcessError as problem:
        sys.exit(f"error: the planner's listing is needed, but cargo ended with status {problem.returncode}")


if __name__ == "__main__":
    main()
