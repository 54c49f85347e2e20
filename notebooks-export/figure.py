#!/usr/bin/env python3
"""./violet figure: see violet_export/figure_verb.py."""
import sys

from violet_export.command_line import run_verb
from violet_export.figure_verb import figure_verb

if __name__ == "__main__":
    sys.exit(run_verb(figure_verb, sys.argv[1:]))
