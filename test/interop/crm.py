"""Flows from and to `weir simulate salesforce`, driven through boto3. What has become of the records is asked of the
stand-in itself, by its own query language."""

import json
import re
import subprocess
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path

from connectors import start, tasks
from rig import Server

ACCOUNTS = 1500
CANARY = "crm-token-canary"


class Org:
    """The stand-in, in a process of its own."""

    def __init__(self, weir, folder):
        self.log = open(folder / "org.log", "w")
        self.process = subprocess.Popen([weir, "simulate", "salesforce", "--records", str(ACCOUNTS)], stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.url = ""
        for line in self.process.stdout:
            if found := re.search(r'instanceUrl: "?(http://[0-9.:]+)', line):
                self.url = found[1]
                break

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()

    def get(self, path):
        request = urllib.request.Request(self.url + path, headers={"Authorization": "Bearer judge"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def post(self, path, record):
        headers = {"Authorization": "Bearer judge", "Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(self.url + path, json.dumps(record).encode(), headers), timeout=30) as answer:
            return json.load(answer)

    def query(self, soql):
        page = self.get("/services/data/v58.0/query?q=" + urllib.parse.quote(soql))
        rows = page["records"]
        while not page["done"]:
            page = self.get(page["nextRecordsUrl"])
            rows += page["records"]
        return rows

    def count(self, soql):
        return self.get("/services/data/v58.0/query?q=" + urllib.parse.quote(soql))["totalSize"]

    def open_jobs(self):
        jobs = self.get("/services/data/v58.0/jobs/ingest")["records"]
        return len(jobs), [j["state"] for j in jobs if j["state"] not in ("JobComplete", "Failed", "Aborted")]


def judge(weir, checks):
    with tempfile.TemporaryDirectory(prefix="weir-crm-") as folder:
        folder = Path(folder)
        with Org(weir, folder) as org, Server(
            weir, folder, "--allow-network", "127.0.0.0/8", "--event-delay", "1s", env={"WEIR_ENDPOINT_URL_SALESFORCE_EVENTS": org.url},
        ) as server:
            c = server.client()
            c.create_connector_profile(
                connectorProfileName="crm", connectorType="Salesforce", connectionMode="Public",
                connectorProfileConfig={
                    "connectorProfileProperties": {"Salesforce": {"instanceUrl": org.url, "isSandboxEnvironment": False}},
                    "connectorProfileCredentials": {"Salesforce": {"accessToken": CANARY, "refreshToken": CANARY + "-refresh"}},
                },
            )
            describe(c, checks)
            out(server, c, checks, org)
            into(server, c, checks, org)
            refused(server, c, checks, org)
            across(server, c, checks, org)
            heard(server, c, checks, org)
            jobs, unfinished = org.open_jobs()
            checks.true("flows have used the Bulk API", jobs)
            checks.equal("jobs that are left open", unfinished, [])
        checks.true("no token is in the log", CANARY not in (folder / "weir.log").read_text())


def describe(c, checks):
    entities = {e["name"] for group in c.list_connector_entities(connectorProfileName="crm")["connectorEntityMap"].values() for e in group}
    checks.true(f"entities: {sorted(entities)}", {"Account", "Contact", "Opportunity"} <= entities)
    fields = {f["identifier"]: f for f in c.describe_connector_entity(connectorProfileName="crm", connectorEntityName="Account")["connectorEntityFields"]}
    checks.true("Name can be written", fields["Name"]["destinationProperties"]["isCreatable"])
    checks.equal("CreatedDate cannot", fields["CreatedDate"]["destinationProperties"].get("isCreatable", False), False)
    checks.equal("how records are found by Ext__c", fields["Ext__c"]["destinationProperties"]["supportedWriteOperations"], ["UPSERT"])


def crm(entity, **more):
    return {"connectorType": "Salesforce", "connectorProfileName": "crm", "sourceConnectorProperties": {"Salesforce": {"object": entity} | more}}


def to_crm(entity, operation, ids=None, **more):
    properties = {"object": entity, "writeOperationType": operation} | ({"idFieldNames": ids} if ids else {}) | more
    return [{"connectorType": "Salesforce", "connectorProfileName": "crm", "destinationConnectorProperties": {"Salesforce": properties}}]


def mapped(pairs, source):
    """Tasks that map fields to others."""
    plan = tasks([], [a for a, _ in pairs], source)
    for task, (_, name) in zip(plan[1:], pairs):
        task["destinationField"] = name
    return plan


def out(server, c, checks, org):
    lake = server.bucket("lake")
    for api in ("REST_SYNC", "BULKV2"):
        start(
            server, c, "out", sourceFlowConfig=crm("Account", dataTransferApi=api),
            destinationFlowConfigList=[{"connectorType": "S3", "destinationConnectorProperties": {"S3": {"bucketName": "lake", "s3OutputFormatConfig": {"fileType": "JSON"}}}}],
            tasks=tasks([("Industry", "EQUAL_TO", {"VALUES": "Banking,Energy", "DATA_TYPE": "picklist"})], ["Id", "Name", "Industry"], "Salesforce"),
        )
        rows = []
        for file in sorted(p for p in (lake / "out").rglob("*") if p.is_file()):
            rows += [json.loads(line) for line in file.read_text().splitlines()]
            file.unlink()
        want = [{k: r[k] for k in ("Id", "Name", "Industry")} for r in org.query("SELECT Id, Name, Industry FROM Account WHERE Industry IN ('Banking', 'Energy')")]
        checks.equal(f"records by {api}", sorted(rows, key=lambda r: r["Id"]), sorted(want, key=lambda r: r["Id"]))


def load(server, c, name, text, destination, pairs):
    shop = server.bucket("shop") / name
    shop.mkdir()
    (shop / "a.csv").write_text(text)
    return start(
        server, c, name, sourceFlowConfig={"connectorType": "S3", "sourceConnectorProperties": {"S3": {"bucketName": "shop", "bucketPrefix": name}}},
        destinationFlowConfigList=destination, tasks=mapped(pairs, "S3"),
    )


def into(server, c, checks, org):
    many = [(f"m-{i}", f'Many, "{i}"', i) for i in range(1200)]
    text = "key,name,revenue\n" + "".join(f'{k},"{n.replace(chr(34), chr(34) * 2)}",{r}\n' for k, n, r in many)
    fields = [("key", "Ext__c"), ("name", "Name"), ("revenue", "AnnualRevenue")]
    result = load(server, c, "insert", text, to_crm("Account", "INSERT"), fields)
    checks.equal("records inserted", result["recordsProcessed"], 1200)
    rows = org.query("SELECT Ext__c, Name, AnnualRevenue FROM Account WHERE Ext__c LIKE 'm-%'")
    checks.equal("the org has them", sorted((r["Ext__c"], r["Name"], r["AnnualRevenue"]) for r in rows), sorted(many))

    load(server, c, "upsert", "key,name,revenue\nm-7,Seven,\nn-1,New one,5\n", to_crm("Account", "UPSERT", ["Ext__c"], dataTransferApi="REST_SYNC"), fields)
    rows = org.query("SELECT Ext__c, Name, AnnualRevenue FROM Account WHERE Ext__c IN ('m-7', 'n-1') ORDER BY Ext__c")
    checks.equal("one is changed, one is new", [(r["Ext__c"], r["Name"], r["AnnualRevenue"]) for r in rows], [("m-7", "Seven", None), ("n-1", "New one", 5)])

    ids = [r["Id"] for r in org.query("SELECT Id FROM Account WHERE Ext__c LIKE 'm-%'")]
    load(server, c, "update", "id,city\n" + "".join(f"{i},Kraków\n" for i in ids), to_crm("Account", "UPDATE", ["Id"], dataTransferApi="BULKV2"), [("id", "Id"), ("city", "BillingCity")])
    checks.equal("all are changed", org.count("SELECT COUNT() FROM Account WHERE Ext__c LIKE 'm-%' AND BillingCity = 'Kraków'"), 1200)

    load(server, c, "delete", "id,city\n" + "".join(f"{i},ignored\n" for i in ids[:1000]), to_crm("Account", "DELETE", ["Id"]), [("id", "Id"), ("city", "BillingCity")])
    checks.equal("the others are left", org.count("SELECT COUNT() FROM Account WHERE Ext__c LIKE 'm-%'"), 200)


    parent = org.query("SELECT Ext__c FROM Account WHERE Ext__c LIKE 'm-%' LIMIT 1")[0]["Ext__c"]
    load(server, c, "children", f"last,of\nOne,{parent}\nTwo,n-1\n", to_crm("Contact", "INSERT"), [("last", "LastName"), ("of", "Account.Ext__c")])
    rows = org.query("SELECT LastName, Account.Ext__c FROM Contact WHERE LastName IN ('One', 'Two') ORDER BY LastName")
    checks.equal("parents are found by their external ids", [(r["LastName"], r["Account"]["Ext__c"]) for r in rows], [("One", parent), ("Two", "n-1")])
    checks.raises("a field that is not there", c.exceptions.ValidationException,
                  lambda: load(server, c, "wrong", "a\n1\n", to_crm("Contact", "INSERT"), [("a", "Gone__c")]), "Gone__c")


def refused(server, c, checks, org):
    errors = server.bucket("errors")
    text = "key,name,revenue\nr-1,Good,1\nm-7,Taken,2\nr-2,,3\nr-3,Odd,much\n"
    handling = {"bucketName": "errors", "bucketPrefix": "crm", "failOnFirstDestinationError": False}
    fields = [("key", "Ext__c"), ("name", "Name"), ("revenue", "AnnualRevenue")]
    taken = org.query("SELECT Ext__c FROM Account WHERE Ext__c LIKE 'm-%' LIMIT 1")[0]["Ext__c"]
    for api in ("REST_SYNC", "BULKV2"):
        rows = text.replace("m-7", taken).replace("r-", api[0] + "-")
        load(server, c, "refused" + api[0], rows, to_crm("Account", "INSERT", dataTransferApi=api, errorHandlingConfig=handling), fields)
        lines = []
        for file in sorted(p for p in errors.rglob("*") if p.is_file()):
            lines += [json.loads(line) for line in file.read_text().splitlines()]
            file.unlink()
        said = [(x["source"]["record"], x["error"].split(":")[0]) for x in lines]
        checks.equal(f"the records that {api} refuses", said, [(2, "DUPLICATE_VALUE"), (3, "REQUIRED_FIELD_MISSING"), (4, '"AnnualRevenue" is no number')])


def across(server, c, checks, org):
    pairs = [("Id", "Ext__c"), ("Name", "LastName")]
    before = {r["Id"]: r["Name"] for r in org.query("SELECT Id, Name FROM Account")}
    for _ in range(2):  # the second time changes nothing
        result = start(
            server, c, "across", sourceFlowConfig=crm("Account"), destinationFlowConfigList=to_crm("Contact", "UPSERT", ["Ext__c"]), tasks=mapped(pairs, "Salesforce"),
        )
        checks.equal("records moved", result["recordsProcessed"], len(before))
    rows = org.query("SELECT Ext__c, LastName FROM Contact WHERE Ext__c LIKE '001%'")
    checks.equal("each account is a contact, once", {r["Ext__c"]: r["LastName"] for r in rows}, before)
    checks.equal("and no more", len(rows), len(before))


def heard(server, c, checks, org):
    """An event flow: what happens while it is active, and while it is stopped, arrives once."""
    c.create_flow(
        flowName="heard", triggerConfig={"triggerType": "Event"}, sourceFlowConfig=crm("AccountChangeEvent"),
        destinationFlowConfigList=[{"connectorType": "S3", "destinationConnectorProperties": {"S3": {"bucketName": "lake", "s3OutputFormatConfig": {"fileType": "JSON"}}}}],
        tasks=[{"taskType": "Map_all", "sourceFields": [], "connectorOperator": {"Salesforce": "NO_OP"}, "taskProperties": {"EXCLUDE_SOURCE_FIELDS_LIST": "[]"}}],
    )
    checks.equal("an event flow that was never started", c.describe_flow(flowName="heard")["flowStatus"], "Draft")
    folder = server.bucket("lake") / "heard"
    made = []

    def make(*names):
        made.extend(org.post("/services/data/v58.0/sobjects/Account", {"Name": name})["id"] for name in names)

    def landed():
        rows = []
        for file in sorted((p for p in folder.rglob("*") if p.is_file()), key=lambda p: p.stat().st_mtime_ns):  # executions follow each other
            rows += [json.loads(line) for line in file.read_text().splitlines()]
        return rows

    def listens():
        return server.get("/weir/v1/flows/heard/events").get("state") == "listening"

    for names in (["first", "second"], ["third"]):
        c.start_flow(flowName="heard")
        server.wait("the flow to listen", listens)
        make(*names)
        server.wait("the events to land", lambda: len(landed()) >= len(made))
        c.stop_flow(flowName="heard")
        make("while stopped after " + names[-1])
    c.start_flow(flowName="heard")
    server.wait("the events to land", lambda: len(landed()) >= len(made))
    c.stop_flow(flowName="heard")
    rows = landed()
    checks.equal("each event has landed once, in order", [r["Name"] for r in rows], ["first", "second", "while stopped after second", "third", "while stopped after third"])
    checks.equal("its header is in clear", [(h["entityName"], h["changeType"], h["recordIds"]) for h in (r["ChangeEventHeader"] for r in rows)],
                 [("Account", "CREATE", [i]) for i in made])
    runs = c.describe_flow_execution_records(flowName="heard")["flowExecutions"]
    checks.equal("executions have moved them", sum(r["executionResult"]["recordsProcessed"] for r in runs), len(made))
