"""AWS's Python SDK for custom connectors, and the sample connector it ships, run by `weir connector run`, registered and
used through boto3. The vendor behind the sample is played here, by SQLite: it obeys the queries that the sample makes."""

import http.server
import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import urllib.parse
from pathlib import Path

from rig import Server

FIELDS = [("Id", "id"), ("Name", "string"), ("Employees", "int"), ("Changed", "datetime")]
ROWS = [
    ("1", "O'Neil", 7, "2024-05-01T10:00:00.000+0000"), ("2", 'Screws 5"', 90, "2024-05-02T10:00:00.000+0000"),
    ("3", "日本 back\\slash", 12, "2024-05-03T10:00:00.000+0000"), ("4", "Plain", None, "2024-05-04T10:00:00.000+0000"),
]


class Vendor(http.server.BaseHTTPRequestHandler):
    """As much of a CRM as the sample asks for."""

    token, granted, queries, lock = "token-one-canary", 0, [], threading.Lock()
    protocol_version = "HTTP/1.1"
    db = None

    def answer(self, status, body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        if self.headers.get("Authorization") != "Bearer " + Vendor.token:
            return self.answer(401, {"error": "session expired"})
        if url.path == "/userinfo":
            return self.answer(200, {})
        if url.path.endswith("/sobjects"):
            return self.answer(200, {"sobjects": [{"name": "Account", "label": "Account", "createable": True}]})
        if url.path.endswith("/sobjects/Account/describe"):
            described = [{"name": n, "type": t, "label": n, "filterable": True, "createable": n != "Id", "unique": n == "Id"} for n, t in FIELDS]
            return self.answer(200, {"name": "Account", "label": "Account", "fields": described})
        if url.path.endswith("/query"):
            return self.query(urllib.parse.parse_qs(url.query)["q"][0])
        return self.answer(400, {"error": "there is nothing like that"})

    def query(self, text):
        Vendor.queries.append(text)
        sql = re.sub(r"(\d{4}-\d\d-\d\dT[0-9:.]+\+0000)", r"'\1'", text.replace("\\'", "''"))
        with Vendor.lock:
            cursor = Vendor.db.execute(sql)
            names = [c[0] for c in cursor.description]
            return self.answer(200, {"records": [{"attributes": {"type": "Account"}} | dict(zip(names, row)) for row in cursor]})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path == "/token":
            form = dict(urllib.parse.parse_qsl(body))
            if form.get("refresh_token") != "refresh-canary":
                return self.answer(400, {"error": "invalid_grant"})
            Vendor.granted += 1
            return self.answer(200, {"access_token": Vendor.token})
        if self.headers.get("Authorization") != "Bearer " + Vendor.token:
            return self.answer(401, {"error": "session expired"})
        record = json.loads(body)
        with Vendor.lock:
            count = Vendor.db.execute("select count(*) from Account").fetchone()[0]
            row = [f"new-{count}", record.get("Name"), record.get("Employees"), record.get("Changed")]
            Vendor.db.execute("insert into Account values (?, ?, ?, ?)", row)
        return self.answer(201, {"id": row[0], "success": True, "errors": []})

    def log_message(self, *_):
        pass


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def judge(weir, checks):
    Vendor.db = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
    Vendor.db.execute("create table Account (Id text, Name text, Employees integer, Changed text)")
    Vendor.db.executemany("insert into Account values (?, ?, ?, ?)", ROWS)
    vendor = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
    threading.Thread(target=vendor.serve_forever, daemon=True).start()
    at, port = "http://127.0.0.1:%d" % vendor.server_port, free_port()
    arn = "arn:aws:lambda:eu-west-1:111122223333:function:sample"
    handler = str(Path(__file__).with_name("samplehandler.py"))
    try:
        with tempfile.TemporaryDirectory(prefix="weir-connectors-") as folder:
            folder = Path(folder)
            endpoint = f"{arn}=http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
            with Server(weir, folder, "--connector", endpoint, "--allow-network", "127.0.0.0/8") as server:
                log = folder / "connector.log"
                command = [weir, "connector", "run", "--python", handler, "--interpreter", sys.executable, "--listen", f"127.0.0.1:{port}",
                           "--data", str(folder / "data"), "--workers", "1"]
                with open(log, "w") as to:
                    run = subprocess.Popen(command, env=os.environ | {"SAMPLE_VENDOR": at}, stderr=to, stdout=to)
                try:
                    server.wait("the connector to run", lambda: "weir: running" in log.read_text() or run.poll() is not None)
                    use(server, checks, arn, at)
                finally:
                    run.terminate()
                    checks.equal("the connector's process ends when asked", run.wait(30), 0)
                said = log.read_text()
                checks.true("what the handler prints is shown", "token ***" in said)
                for canary in ("token-one-canary", "token-two-canary", "refresh-canary"):
                    checks.true(f"{canary} is in no log", canary not in said and canary not in (folder / "weir.log").read_text())
            certify(weir, checks, folder, handler, at)
    finally:
        vendor.shutdown()


def use(server, checks, arn, at):
    c = server.client()
    c.register_connector(connectorLabel="sample", connectorProvisioningType="LAMBDA", connectorProvisioningConfig={"lambda": {"lambdaArn": arn}})
    said = c.describe_connector(connectorType="CustomConnector", connectorLabel="sample")["connectorConfiguration"]
    checks.equal("the sample's name", said["connectorName"], "SamplePythonSalesforceConnector")

    profile = {
        "connectorProfileProperties": {"CustomConnector": {
            "profileProperties": {"instanceUrl": at, "is_sandbox_account": "false"},
            "oAuth2Properties": {"tokenUrl": at + "/token", "oAuth2GrantType": "AUTHORIZATION_CODE"},
        }},
        "connectorProfileCredentials": {"CustomConnector": {"authenticationType": "OAUTH2", "oauth2": {
            "clientId": "app", "clientSecret": "app-secret", "accessToken": "token-one-canary", "refreshToken": "refresh-canary"}}},
    }
    wrong = json.loads(json.dumps(profile))
    wrong["connectorProfileCredentials"]["CustomConnector"]["oauth2"] |= {"accessToken": "nonsense", "refreshToken": "gone"}
    create = dict(connectorType="CustomConnector", connectorLabel="sample", connectionMode="Public")
    checks.raises("credentials that the sample refuses", c.exceptions.ConnectorAuthenticationException,
                  lambda: c.create_connector_profile(connectorProfileName="wrong", connectorProfileConfig=wrong, **create))
    c.create_connector_profile(connectorProfileName="crm", connectorProfileConfig=profile, **create)

    entities = c.list_connector_entities(connectorProfileName="crm", apiVersion="v51.0")["connectorEntityMap"]
    checks.equal("entities", [e["name"] for e in entities["Objects"]], ["Account"])
    fields = c.describe_connector_entity(connectorProfileName="crm", connectorEntityName="Account", apiVersion="v51.0")["connectorEntityFields"]
    checks.equal("fields", [(f["identifier"], f["supportedFieldTypeDetails"]["v1"]["fieldType"]) for f in fields], FIELDS)

    rows = read(server, c, "everything", [])
    checks.equal("all records arrive", [(r["Id"], r["Name"], r["Employees"]) for r in rows], [r[:3] for r in ROWS])

    filters = [("Employees", "GREATER_THAN", {"VALUE": "7", "DATA_TYPE": "int"}), ("Name", "NOT_EQUAL_TO", {"VALUE": "Plain", "DATA_TYPE": "string"}),
               ("Changed", "BETWEEN", {"LOWER_BOUND": "1714644000000", "UPPER_BOUND": "1714730400000", "DATA_TYPE": "datetime"})]
    rows = read(server, c, "some", filters)
    checks.equal("the filtered records", [r["Id"] for r in rows], ["2", "3"])
    checks.true(f"the sample is asked for no others: {Vendor.queries[-1]}", " where " in Vendor.queries[-1])
    for name, want in (("O'Neil", "1"), ('Screws 5"', "2"), ("日本 back\\slash", "3"), ("x' or 'a' = 'a", None), ('x" or Name != "', None)):
        rows = read(server, c, "exactly", [("Name", "EQUAL_TO", {"VALUE": name, "DATA_TYPE": "string"})])
        checks.equal(f"the record named {name}", [r["Id"] for r in rows], [want] if want else [])

    Vendor.token = "token-two-canary"  # the vendor forgets the first one
    rows = read(server, c, "renewed", [])
    checks.equal("records after the token was renewed", len(rows), len(ROWS))
    checks.equal("the token is renewed once", Vendor.granted, 1)
    write(server, c, checks)


def tasks(filters, names, to):
    out = [{"taskType": "Filter", "sourceFields": names, "connectorOperator": {to: "PROJECTION"}}]
    for field, operator, properties in filters:
        out.append({"taskType": "Filter", "sourceFields": [field], "connectorOperator": {to: operator}, "taskProperties": properties})
    return out + [{"taskType": "Map", "sourceFields": [n], "destinationField": n, "connectorOperator": {to: "NO_OP"}} for n in names]


def start(server, c, name, **flow):
    c.create_flow(flowName=name, triggerConfig={"triggerType": "OnDemand"}, **flow)
    record = server.finished(c, name, c.start_flow(flowName=name)["executionId"])
    c.delete_flow(flowName=name, forceDelete=True)
    if record["executionStatus"] != "Successful":
        raise RuntimeError(f"{name}: {record['executionResult']}")
    return record["executionResult"]


def read(server, c, name, filters):
    """A flow from the sample into a bucket, and its records."""
    lake = server.bucket("lake")
    start(
        server, c, name,
        sourceFlowConfig={"connectorType": "CustomConnector", "connectorProfileName": "crm", "apiVersion": "v51.0",
                          "sourceConnectorProperties": {"CustomConnector": {"entityName": "Account"}}},
        destinationFlowConfigList=[{"connectorType": "S3", "destinationConnectorProperties": {"S3": {"bucketName": "lake", "s3OutputFormatConfig": {"fileType": "JSON"}}}}],
        tasks=tasks(filters, [n for n, _ in FIELDS], "CustomConnector"),
    )
    rows = []
    for file in sorted(p for p in (lake / name).rglob("*") if p.is_file()):
        rows += [json.loads(line) for line in file.read_text().splitlines()]
        file.unlink()
    return rows


def write(server, c, checks):
    (server.bucket("shop") / "in").mkdir()
    (server.bucket("shop") / "in" / "a.csv").write_text('Name,Employees\n"Quote "" and \'",5\nünï 日本,\n')
    result = start(
        server, c, "into",
        sourceFlowConfig={"connectorType": "S3", "sourceConnectorProperties": {"S3": {"bucketName": "shop", "bucketPrefix": "in"}}},
        destinationFlowConfigList=[{"connectorType": "CustomConnector", "connectorProfileName": "crm", "apiVersion": "v51.0",
                                    "destinationConnectorProperties": {"CustomConnector": {"entityName": "Account", "writeOperationType": "INSERT"}}}],
        tasks=tasks([], ["Name", "Employees"], "S3"),
    )
    checks.equal("records that were written", result["recordsProcessed"], 2)
    with Vendor.lock:
        rows = Vendor.db.execute("select Name, Employees from Account where Id like 'new-%' order by Id").fetchall()
    checks.equal("the vendor has them", [(n, str(e or "")) for n, e in rows], [("Quote \" and '", "5"), ("ünï 日本", "")])


def certify(weir, checks, folder, handler, at):
    key = folder / "key.json"
    key.write_text(json.dumps({"authenticationType": "OAUTH2", "oauth2": {"accessToken": Vendor.token}}))
    command = [weir, "connector", "certify", "--python", handler, "--interpreter", sys.executable, "--credentials", str(key),
               "--setting", f"instanceUrl={at}", "--setting", "is_sandbox_account=false", "--output", "json"]
    done = subprocess.run(command, env=os.environ | {"SAMPLE_VENDOR": at}, capture_output=True, text=True, timeout=120)
    found = {x["check"]: x["outcome"] for x in json.loads(done.stdout)["findings"]} if done.stdout else {}
    checks.equal(f"the sample's certificate: {done.stdout} {done.stderr}", done.returncode, 0)
    for check in ("configuration is sound", "settings and credentials are accepted", "a filter is obeyed", "a record is found by its key"):
        checks.equal(f"certified: {check}", found.get(check), "passed")
