"""Runs every judge that can be imported against servers of its own: judge.py PATH-OF-WEIR [PATH-OF-AWSGO]."""

import importlib
import pathlib
import sys
import tempfile

from rig import Checks, Server


def main(weir, go=None):
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
                import hostile

                with checks.part("hostile files"):
                    hostile.judge(weir, checks)
        import clients

        clients.judge(pathlib.Path(folder), weir, checks, go)
    try:
        importlib.import_module("moto.server")
    except ImportError:
        print("moto is not here: what needs AWS services was not judged")
    else:
        import credentials

        with checks.part("credentials in AWS services"):
            credentials.judge(weir, checks)
        import notifications

        with checks.part("what runs tell others"):
            notifications.judge(weir, checks)
    try:
        importlib.import_module("custom_connector_sdk")
        importlib.import_module("antlr4")
    except ImportError:
        print("AWS's SDK for custom connectors is not here: custom connectors were not judged")
    else:
        import connectors

        with checks.part("AWS's sample of a custom connector"):
            connectors.judge(weir, checks)
    import javaconnector

    with checks.part("a custom connector in Java"):
        javaconnector.judge(weir, checks)
    import manifests

    with checks.part("manifests"):
        manifests.judge(weir, checks)
    import crm

    with checks.part("flows from and to Salesforce's stand-in"):
        crm.judge(weir, checks)
    print(f"{checks.passed} passed, {len(checks.failed)} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
