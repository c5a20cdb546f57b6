"""``thongsuot check FILE``: judge an inventory and count what it describes."""

import argparse
import json
import sys
from pathlib import Path

from common.i18n import t
from common.yaml.problems import Refused

NAME = "check"
AREA = "check"


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("file", metavar="FILE", type=Path, help=t("check.file_help"))
    parser.add_argument("--json", action="store_true", help=t("check.json_help"))


def run(arguments: argparse.Namespace) -> int:
    """Print counts and OK, or every error (status 2)."""
    from deploy.describe import counts
    from deploy.validate import read

    file = str(arguments.file)
    try:
        found = counts(read(arguments.file).inventory)
    except Refused as error:
        return _refused(file, error, arguments.json)
    if arguments.json:
        print(json.dumps({"file": file, "ok": True, "counts": found, "errors": []}))
    else:
        print(t("check.ok", file=file, **found))
    return 0


def _refused(file: str, error: Refused, as_json: bool) -> int:
    """Print the errors: as data on standard output, as sentences on standard error."""
    if as_json:
        errors = [
            {"file": e.file, "line": e.line, "key": e.key, "code": e.code, "message": e.message}
            for e in error.problems
        ]
        print(json.dumps({"file": file, "ok": False, "errors": errors}, ensure_ascii=False))
    else:
        print(error, file=sys.stderr)
        print(t("check.refused", file=file, count=len(error.problems)), file=sys.stderr)
    return 2
