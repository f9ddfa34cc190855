"""A server for the judges, and the counting of their checks."""

import json
import urllib.request
import contextlib
import os
import subprocess
import time
import traceback

KEY, SECRET = "AKIAINTEROPINTEROP01", "a-secret-that-lives-as-long-as-this-test"


class Checks:
    """Counts checks, and prints those that fail."""

    def __init__(self):
        self.passed, self.failed = 0, []

    def equal(self, what, got, want):
        if got == want:
            self.passed += 1
        else:
            self.fail(what, f"got  {got!r}\n      want {want!r}")

    def true(self, what, got):
        self.equal(what, bool(got), True)

    def raises(self, what, kind, call, *words):
        """The call must be refused with this exception, whose message has these words."""
        try:
            call()
        except kind as e:
            missing = [w for w in words if w not in e.response["Error"]["Message"]]
            self.equal(f"{what}: message {e.response['Error']['Message']!r}", missing, [])
        except Exception as e:
            self.fail(what, f"raised {e!r}, not {kind.__name__}")
        else:
            self.fail(what, f"did not raise {kind.__name__}")

    def fail(self, what, why):
        self.failed.append(what)
        print(f"FAILED {what}\n      {why}")

    @contextlib.contextmanager
    def part(self, name):
        """A part of the checks, whose breakdown does not hide the others."""
        before = self.passed, len(self.failed)
        try:
            yield
        except Exception:
            self.fail(name, traceback.format_exc(limit=3))
        print(f"{name}: {self.passed - before[0]} passed, {len(self.failed) - before[1]} failed")


class Server:
    """`weir serve` on a free port, with its data in a folder."""

    def __init__(self, weir, folder, *flags, env=None):
        self.weir, self.folder, self.flags, self.env = weir, folder, flags, env or {}

    def __enter__(self):
        self.log = open(self.folder / "weir.log", "w+")
        env = {"WEIR_ACCESS_KEY_ID": KEY, "WEIR_SECRET_ACCESS_KEY": SECRET, "TMPDIR": str(self.folder)} | self.env
        command = [self.weir, "serve", "--listen", "127.0.0.1:0", "--data", str(self.folder / "data"), "--threads", "1", *self.flags]
        self.process = subprocess.Popen(command, env=env, stderr=self.log)
        self.url = self.wait("the server to start", self.announced)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(60)
        self.log.close()

    def announced(self):
        if self.process.poll() is not None:
            raise RuntimeError("weir ended: " + (self.folder / "weir.log").read_text())
        for line in (self.folder / "weir.log").read_text().splitlines():
            if line.startswith("weir: serving on "):
                return line.removeprefix("weir: serving on ")
        return None

    @staticmethod
    def wait(what, ready, patience=60):
        """Asks until the answer is true, and returns it."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if answer := ready():
                return answer
            time.sleep(0.02)
        raise TimeoutError(f"waited {patience} s for {what}")

    def bucket(self, name):
        path = self.folder / "data" / "buckets" / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def get(self, path, key=KEY, secret=SECRET):
        """Asks a page that AppFlow does not have."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        request = AWSRequest("GET", self.url + path)
        SigV4Auth(Credentials(key, secret), "appflow", "us-east-1").add_auth(request)
        with urllib.request.urlopen(urllib.request.Request(request.url, headers=dict(request.headers)), timeout=30) as answer:
            return json.load(answer)

    def client(self, key=KEY, secret=SECRET):
        import boto3
        from botocore.config import Config

        os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
        return boto3.client(
            "appflow", endpoint_url=self.url, region_name="us-east-1", aws_access_key_id=key, aws_secret_access_key=secret,
            config=Config(retries={"total_max_attempts": 1}),
        )

    def finished(self, client, flow, execution):
        """The record of an execution, once it has ended."""

        def ended():
            for record in client.describe_flow_execution_records(flowName=flow)["flowExecutions"]:
                if record["executionId"] == execution and record["executionStatus"] not in ("InProgress", "CancelStarted"):
                    return record
            return None

        return self.wait(f"execution {execution} of {flow}", ended)
