"""AWS's Java SDK for custom connectors, as Maven has it: a connector over it, run by `weir connector run --java`, registered
and used through boto3. It fetches its secret with the default client of AWS's SDK, which knows nothing of Weir."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from connectors import free_port, start, tasks
from rig import Server

SOURCE = Path(__file__).with_name("java")


def classpath(folder):
    """Everything that the connector is made of; None, with the reason, where it cannot be had."""
    if not shutil.which("mvn") or not shutil.which("javac"):
        return None, "there is no Maven, or no JDK"
    shutil.copy(SOURCE / "pom.xml", folder)
    done = subprocess.run(["mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib"], cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        return None, "Maven does not give its parts: " + done.stdout[-500:]
    path = os.pathsep.join([str(folder)] + sorted(str(p) for p in (folder / "lib").glob("*.jar")))
    done = subprocess.run(["javac", "-proc:none", "-cp", path, "-d", str(folder), str(SOURCE / "OrdersConnector.java")], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return path, ""


def judge(weir, checks):
    arn, port = "arn:aws:lambda:eu-west-1:111122223333:function:orders", free_port()
    with tempfile.TemporaryDirectory(prefix="weir-java-") as folder:
        folder = Path(folder)
        path, why = classpath(folder)
        if path is None:
            print(f"AWS's Java SDK for custom connectors was not judged: {why}")
            return
        command = [weir, "connector", "certify", "--java", path, "--handler", "OrdersConnector", "--credentials", str(key(folder)), "--output", "json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=180)
        found = {x["check"]: x["outcome"] for x in json.loads(done.stdout)["findings"]} if done.stdout else {}
        checks.equal(f"the connector's certificate: {done.stdout} {done.stderr}", done.returncode, 0)
        for check in ("configuration is sound", "settings and credentials are accepted", "a nextToken can be used again", "a record is found by its key"):
            checks.equal(f"certified: {check}", found.get(check), "passed")
        with Server(weir, folder, "--connector", f"{arn}=http://127.0.0.1:{port}/2015-03-31/functions/function/invocations") as server:
            log = folder / "connector.log"
            command = [weir, "connector", "run", "--java", path, "--handler", "OrdersConnector::handleRequest", "--listen", f"127.0.0.1:{port}",
                       "--data", str(folder / "data"), "--workers", "1"]
            with open(log, "w") as to:
                run = subprocess.Popen(command, stderr=to, stdout=to)
            try:
                server.wait("the connector to run", lambda: "weir: running" in log.read_text() or run.poll() is not None)
                use(server, checks, arn)
            finally:
                run.terminate()
                checks.equal("the connector's process ends when asked", run.wait(30), 0)
            said = log.read_text()
            checks.true("what the handler prints is shown, without the secret", "the key is ***" in said and "canary-key" not in said)
            for flow in ("read", "into"):
                checks.true(f"the connector is told of the flow {flow}", f"run of {flow} for main" in said)
            checks.true("the key is not in the server's log", "canary-key" not in (folder / "weir.log").read_text())


def key(folder):
    path = folder / "key.json"
    path.write_text(json.dumps({"authenticationType": "APIKEY", "apiKey": {"apiKey": "canary-key"}}))
    return path


def use(server, checks, arn):
    c = server.client()
    c.register_connector(connectorLabel="orders", connectorProvisioningType="LAMBDA", connectorProvisioningConfig={"lambda": {"lambdaArn": arn}})
    create = dict(connectorType="CustomConnector", connectorLabel="orders", connectionMode="Public")

    def profile(value):
        return {"connectorProfileProperties": {"CustomConnector": {}},
                "connectorProfileCredentials": {"CustomConnector": {"authenticationType": "APIKEY", "apiKey": {"apiKey": value}}}}

    checks.raises("a key that the connector refuses", c.exceptions.ConnectorAuthenticationException,
                  lambda: c.create_connector_profile(connectorProfileName="wrong", connectorProfileConfig=profile("canary-wrong"), **create))
    c.create_connector_profile(connectorProfileName="main", connectorProfileConfig=profile("canary-key"), **create)
    source = {"connectorType": "CustomConnector", "connectorProfileName": "main", "apiVersion": "v1",
              "sourceConnectorProperties": {"CustomConnector": {"entityName": "Orders"}}}
    lake, shop = server.bucket("lake"), server.bucket("shop")
    (shop / "in").mkdir()
    (shop / "in" / "a.csv").write_text("id,note\n4,vier\n")
    start(
        server, c, "into",
        sourceFlowConfig={"connectorType": "S3", "sourceConnectorProperties": {"S3": {"bucketName": "shop", "bucketPrefix": "in"}}},
        destinationFlowConfigList=[{"connectorType": "CustomConnector", "connectorProfileName": "main", "apiVersion": "v1",
                                    "destinationConnectorProperties": {"CustomConnector": {"entityName": "Orders", "writeOperationType": "INSERT"}}}],
        tasks=tasks([], ["id", "note"], "S3"),
    )
    start(
        server, c, "read", sourceFlowConfig=source,
        destinationFlowConfigList=[{"connectorType": "S3", "destinationConnectorProperties": {"S3": {"bucketName": "lake", "s3OutputFormatConfig": {"fileType": "JSON"}}}}],
        tasks=tasks([], ["id", "note"], "CustomConnector"),
    )
    rows = [json.loads(line) for file in sorted(p for p in (lake / "read").rglob("*") if p.is_file()) for line in file.read_text().splitlines()]
    checks.equal("all records arrive", [(str(r["id"]), r["note"]) for r in rows], [("1", "one"), ("2", '"zwei" \\ 日本'), ("3", "three"), ("4", "vier")])
