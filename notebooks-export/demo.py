#!/usr/bin/env python3
"""./violet demo: the program's demo, and a notebook of its run. See violet_export/demo_verb.py."""
import sys

from violet_export.command_line import run_verb
from violet_export.demo_verb import demo_verb

if __name__ == "__main__":
    sys.exit(run_verb(demo_verb, sys.argv[1:]))
