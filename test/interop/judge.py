"""Runs every judge that can be imported against a server of its own: judge.py PATH-OF-WEIR."""

import importlib
import pathlib
import sys
import tempfile

from rig import Checks, Server


def main(weir):
    checks = Checks()
    try:
        importlib.import_module("boto3")
    except ImportError:
        print("boto3 is not here: nothing was judged")
        return 0
    with tempfile.TemporaryDirectory(prefix="weir-interop-") as folder:
        with Server(weir, pathlib.Path(folder)) as server:
            import calls

            calls.judge(server, checks)
            try:
                importlib.import_module("duckdb")
            except ImportError:
                print("duckdb is not here: the files were not judged")
            else:
                import files

                files.judge(server, checks)
    print(f"{checks.passed} passed, {len(checks.failed)} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
