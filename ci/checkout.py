"""Which files of a checkout the checks look at, and how a check says that it was skipped."""
import os
import pathlib
import subprocess
import sys

SKIPPED = 77  # SKIP_RETURN_CODE in checks.cmake.


def tracked_files(root):
    """What git knows, sorted; every file outside build/ and runs/ where there is no git."""
    listing = subprocess.run(["git", "-c", "safe.directory=*", "-C", str(root), "ls-files", "-z"],
                             capture_output=True, text=True, check=False)
    if listing.returncode == 0 and listing.stdout:
        return sorted(name for name in listing.stdout.split("\0") if name and (root / name).is_file())
    names = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return sorted(name.as_posix() for name in names
                  if name.parts[0] not in ("build", "runs", ".git") and "__pycache__" not in name.parts)


def skip(reason):
    """Ends the process as skipped; the reason is shown above ctest's summary."""
    print(f"skipped: {reason}")
    if os.environ.get("VIOLET_SKIP_FILE"):
        pathlib.Path(os.environ["VIOLET_SKIP_FILE"]).write_text(reason + "\n", encoding="utf-8")
    sys.exit(SKIPPED)
