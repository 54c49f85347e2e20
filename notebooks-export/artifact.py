#!/usr/bin/env python3
"""./violet artifact: see violet_export/artifact_verb.py."""
import sys

from violet_export.artifact_verb import artifact_verb
from violet_export.command_line import run_verb

if __name__ == "__main__":
    sys.exit(run_verb(artifact_verb, sys.argv[1:]))
