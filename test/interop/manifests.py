"""A manifest as a user's own connector under `weir serve --connectors`, driven through boto3 against `weir simulate zendesk`:
registered nowhere, described, read in full and by increments, written to, and changed while the server runs."""

import json
import re
import subprocess
import tempfile
from pathlib import Path

from connectors import start, tasks
from rig import Server

ZENDESK = Path(__file__).resolve().parents[2] / "connectors" / "zendesk" / "zendesk.yaml"


def judge(weir, checks):
    with tempfile.TemporaryDirectory(prefix="weir-manifests-") as folder:
        folder = Path(folder)
        (folder / "mine").mkdir()
        text = ZENDESK.read_text()
        (folder / "mine" / "helpdesk.yaml").write_text(text)
        vendor = subprocess.Popen([weir, "simulate", "zendesk", "--records", "250"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            said = ""
            while "instanceUrl" not in said:
                said = vendor.stdout.readline()
            at = re.search(r'instanceUrl: "([^"]+)"', said).group(1)
            with Server(weir, folder, "--connectors", str(folder / "mine"), "--allow-network", "127.0.0.0/8") as server:
                describe(server, checks)
                profile(server, checks, at)
                move(server, checks)
                change(server, checks, folder / "mine" / "helpdesk.yaml", text)
            checks.true("the token is in no log", "canary-token" not in (folder / "weir.log").read_text())
            checks.true("a wrong file is in the log", "a changed manifest is wrong" in (folder / "weir.log").read_text())
        finally:
            vendor.terminate()
            vendor.wait(30)


def describe(server, checks):
    c = server.client()
    listed = c.list_connectors()["connectors"]
    checks.equal("the manifest is listed", [(x["connectorLabel"], x["connectorType"], x["connectorModes"]) for x in listed], [("helpdesk", "CustomConnector", ["SOURCE", "DESTINATION"])])
    said = c.describe_connector(connectorType="CustomConnector", connectorLabel="helpdesk")["connectorConfiguration"]
    checks.true("it takes OAuth", said["authenticationConfig"]["isOAuth2Supported"])
    checks.equal("a profile needs an address", [(x["key"], x["scope"]) for x in said["connectorRuntimeSettings"]], [("instanceUrl", "CONNECTOR_PROFILE")])
    function = {"lambda": {"lambdaArn": "arn:aws:lambda:eu-west-1:111122223333:function:x"}}
    checks.raises("its label cannot be registered", c.exceptions.ConflictException,
                  lambda: c.register_connector(connectorLabel="helpdesk", connectorProvisioningType="LAMBDA", connectorProvisioningConfig=function))
    checks.raises("nor unregistered", c.exceptions.ConflictException, lambda: c.unregister_connector(connectorLabel="helpdesk", forceDelete=True))


def profile(server, checks, at):
    c = server.client()
    config = {
        "connectorProfileProperties": {"CustomConnector": {
            "profileProperties": {"instanceUrl": at}, "oAuth2Properties": {"tokenUrl": at + "/oauth/tokens", "oAuth2GrantType": "AUTHORIZATION_CODE"}}},
        "connectorProfileCredentials": {"CustomConnector": {"authenticationType": "OAUTH2", "oauth2": {
            "clientId": "app", "clientSecret": "secret", "accessToken": "canary-token"}}},
    }
    create = dict(connectorProfileName="desk", connectorType="CustomConnector", connectionMode="Public", connectorProfileConfig=config)
    checks.raises("a label that nobody has", c.exceptions.ValidationException, lambda: c.create_connector_profile(connectorLabel="other", **create))
    c.create_connector_profile(connectorLabel="helpdesk", **create)
    shown = c.describe_connector_profiles(connectorProfileNames=["desk"])["connectorProfileDetails"][0]
    checks.equal("the profile has the label", shown["connectorLabel"], "helpdesk")
    checks.true("and shows no token", "canary-token" not in json.dumps(shown, default=str))
    names = [e["name"] for e in c.list_connector_entities(connectorProfileName="desk")["connectorEntityMap"]["Objects"]]
    checks.true("its entities are listed", {"tickets", "users", "organizations"} <= set(names))
    fields = {f["identifier"]: f for f in c.describe_connector_entity(connectorProfileName="desk", connectorEntityName="tickets")["connectorEntityFields"]}
    checks.equal("a field goes by its type", fields["updated_at"]["supportedFieldTypeDetails"]["v1"]["fieldType"], "DateTime")
    checks.true("and can lead incremental runs", fields["updated_at"]["sourceProperties"]["isTimestampFieldForIncrementalQueries"])


def source(entity):
    return {"connectorType": "CustomConnector", "connectorProfileName": "desk", "sourceConnectorProperties": {"CustomConnector": {"entityName": entity}}}


TO_LAKE = [{"connectorType": "S3", "destinationConnectorProperties": {"S3": {"bucketName": "lake", "s3OutputFormatConfig": {"fileType": "JSON"}}}}]


def rows(folder):
    return [json.loads(line) for file in sorted(p for p in folder.rglob("*") if p.is_file()) for line in file.read_text().splitlines()]


def move(server, checks):
    c = server.client()
    lake, shop = server.bucket("lake"), server.bucket("shop")
    result = start(server, c, "tickets", sourceFlowConfig=source("tickets"), destinationFlowConfigList=TO_LAKE, tasks=tasks([], ["id", "subject"], "CustomConnector"))
    checks.equal("all tickets are read", (result["recordsProcessed"], len(rows(lake / "tickets"))), (250, 250))
    (shop / "in").mkdir()
    (shop / "in" / "a.csv").write_text("external_id,name\nx-1,Ann\nx-2,Bo\n")
    start(
        server, c, "users", sourceFlowConfig={"connectorType": "S3", "sourceConnectorProperties": {"S3": {"bucketName": "shop", "bucketPrefix": "in"}}},
        destinationFlowConfigList=[{"connectorType": "CustomConnector", "connectorProfileName": "desk", "destinationConnectorProperties": {
            "CustomConnector": {"entityName": "users", "writeOperationType": "UPSERT", "idFieldNames": ["external_id"]}}}],
        tasks=tasks([], ["external_id", "name"], "S3"),
    )
    start(
        server, c, "back", sourceFlowConfig=source("users"), destinationFlowConfigList=TO_LAKE,
        tasks=tasks([("external_id", "EQUAL_TO", {"VALUE": "x-2", "DATA_TYPE": "string"})], ["external_id", "name"], "CustomConnector"),
    )
    checks.equal("what was written is read, filtered", [r["name"] for r in rows(lake / "back")], ["Bo"])
    scheduled(server, c, checks, lake)


def scheduled(server, c, checks, lake):
    """A schedule of increments: its first run reaches back thirty days, as AppFlow's does."""
    flow = source("tickets") | {"incrementalPullConfig": {"datetimeTypeFieldName": "updated_at"}}
    c.create_flow(flowName="increments", sourceFlowConfig=flow, destinationFlowConfigList=TO_LAKE, tasks=tasks([], ["id", "updated_at"], "CustomConnector"),
                  triggerConfig={"triggerType": "Scheduled", "triggerProperties": {"Scheduled": {"scheduleExpression": "rate(1minutes)", "dataPullMode": "Incremental"}}})
    c.start_flow(flowName="increments")
    records = lambda: c.describe_flow_execution_records(flowName="increments")["flowExecutions"]
    server.wait("a scheduled run", lambda: any(r["executionStatus"] != "InProgress" for r in records()), 150)
    done = [r for r in records() if r["executionStatus"] != "InProgress"][-1]
    checks.equal(f"the scheduled run: {done}", done["executionStatus"], "Successful")
    checks.true("it has a window", done["dataPullStartTime"] < done["dataPullEndTime"])
    c.stop_flow(flowName="increments")
    c.delete_flow(flowName="increments", forceDelete=True)


def change(server, checks, file, text):
    c = server.client()
    about = lambda: c.describe_connector(connectorType="CustomConnector", connectorLabel="helpdesk")["connectorConfiguration"]["connectorDescription"]
    fields = lambda: [f["identifier"] for f in c.describe_connector_entity(connectorProfileName="desk", connectorEntityName="brands")["connectorEntityFields"]]
    before = fields()
    file.write_text("name: half of\n")
    server.wait("the server to notice a wrong file", lambda: "the version before still counts" in about())
    checks.equal("the last sound version counts", fields(), before)
    file.write_text(text.replace("  - name: brands\n    aliases: [brand]\n    label: Brands\n    fields:\n", "  - name: brands\n    aliases: [brand]\n    label: Brands\n    fields:\n      - {name: motto}\n"))
    server.wait("the server to notice a changed file", lambda: fields() == ["motto"] + before)
    checks.true("nothing is wrong any more", "the version before" not in about())
