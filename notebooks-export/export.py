#!/usr/bin/env python3
"""./violet export RUN --notebook: see violet_export/export_verb.py."""
import sys

from violet_export.command_line import run_verb
from violet_export.export_verb import export_verb

if __name__ == "__main__":
    sys.exit(run_verb(export_verb, sys.argv[1:]))
