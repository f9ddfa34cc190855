"""What runs tell others, against independent stand-ins: EventBridge (with a rule into SQS) and the Glue Data Catalog are
played by moto; webhooks, OpenLineage events and CloudWatch's metrics, whose protocol moto does not speak, are received,
and signatures checked, by code written here."""

import base64
import hashlib
import hmac
import http.server
import json
import logging
import os
import re
import tempfile
import threading
from pathlib import Path

from rig import Server

ACCOUNT = {"aws_access_key_id": "x", "aws_secret_access_key": "y", "region_name": "eu-north-1"}
SECRET = b"0123456789abcdef0123456789abcdef"
LINE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\[UTC\]$")


class Receiver(http.server.BaseHTTPRequestHandler):
    """Keeps what it is sent; the first webhook meets a server that is not well."""

    got = []
    refused = 0

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        sick = self.path == "/hook" and Receiver.refused == 0
        if sick:
            Receiver.refused += 1
        else:
            self.got.append((self.path, dict(self.headers), body))
        self.send_response(503 if sick else 200)
        self.send_header("Content-Length", "0")
        self.send_header("smithy-protocol", "rpc-v2-cbor")  # CloudWatch's
        self.end_headers()

    def log_message(self, *_):
        pass


def judge(weir, checks):
    from moto.server import ThreadedMotoServer

    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    at = "http://127.0.0.1:%d" % receiver.server_port
    aws = "http://%s:%d" % moto.get_host_and_port()
    env = {
        "AWS_ENDPOINT_URL_EVENTBRIDGE": aws, "AWS_ENDPOINT_URL_CLOUDWATCH": at, "AWS_ENDPOINT_URL_GLUE": aws,
        "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_REGION": "eu-north-1", "AWS_EC2_METADATA_DISABLED": "true",
        "WEIR_WEBHOOK_SECRET": "whsec_" + base64.b64encode(SECRET).decode(), "WEIR_OPENLINEAGE_API_KEY": "lineage-key",
    }
    flags = [
        "--region", "eu-north-1", "--allow-network", "127.0.0.0/8", "--events-bus", "runs", "--cloudwatch", "Weir/AppFlow",
        "--webhook", at + "/hook", "--openlineage", at + "/lineage",
    ]
    try:
        with tempfile.TemporaryDirectory(prefix="weir-notifications-") as folder:
            queue = prepare(aws)
            with Server(weir, Path(folder), *flags, env=env) as server:
                check(server, checks, aws, queue)
    finally:
        receiver.shutdown()
        moto.stop()


def service(name, at):
    import boto3

    return boto3.client(name, endpoint_url=at, **ACCOUNT)


def prepare(at):
    """A bus whose events end in a queue."""
    events, sqs = service("events", at), service("sqs", at)
    queue = sqs.create_queue(QueueName="seen")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.create_event_bus(Name="runs")
    pattern = {"source": ["weir.appflow"], "detail-type": [{"prefix": "AppFlow "}]}
    events.put_rule(Name="all", EventBusName="runs", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="all", EventBusName="runs", Targets=[{"Id": "queue", "Arn": arn}])
    return queue


def flow(name, file_type, **output):
    task = {"connectorOperator": {"S3": "NO_OP"}}
    return {
        "flowName": name,
        "triggerConfig": {"triggerType": "OnDemand"},
        "sourceFlowConfig": {
            "connectorType": "S3", "sourceConnectorProperties": {"S3": {"bucketName": "shop", "bucketPrefix": "customers/"}},
        },
        "destinationFlowConfigList": [{"connectorType": "S3", "destinationConnectorProperties": {"S3": {
            "bucketName": "out", "bucketPrefix": "lake", "s3OutputFormatConfig": {"fileType": file_type, **output},
        }}}],
        "metadataCatalogConfig": {"glueDataCatalog": {
            "roleArn": "arn:aws:iam::000000000000:role/glue", "databaseName": "lake", "tablePrefix": "Shop",
        }},
        "tasks": [
            {"taskType": "Filter", "sourceFields": ["id", "country", "card"], "connectorOperator": {"S3": "PROJECTION"}},
            {"taskType": "Filter", "sourceFields": ["id"], "connectorOperator": {"S3": "NOT_EQUAL_TO"},
             "taskProperties": {"DATA_TYPE": "string", "VALUES": "9"}},
            {"taskType": "Mask", "sourceFields": ["card"], "connectorOperator": {"S3": "MASK_ALL"}, "taskProperties": {}},
            {"taskType": "Map", "sourceFields": ["id"], "destinationField": "Customer Id", **task},
            {"taskType": "Map", "sourceFields": ["country"], "destinationField": "country", **task},
            {"taskType": "Map", "sourceFields": ["card"], "destinationField": "card", **task},
            {"taskType": "Partition", "sourceFields": [], "connectorOperator": {"S3": "NO_OP"},
             "taskProperties": {"ORDERED_PARTITION_KEYS_LIST": '["country"]'}},
        ],
    }


def check(server, checks, aws, queue):
    (server.bucket("shop") / "customers").mkdir()
    server.bucket("out")
    source = server.bucket("shop") / "customers" / "1.csv"
    source.write_text("id,country,card\n1,NO,4111\n2,SE,4222\n9,NO,4333\n")
    client = server.client()
    client.create_flow(**flow("Web-shop", "JSON", prefixConfig={
        "prefixType": "PATH", "prefixFormat": "MONTH", "pathPrefixHierarchy": ["SCHEMA_VERSION", "EXECUTION_ID"],
    }))

    def run(name):
        execution = client.start_flow(flowName=name)["executionId"]
        record = server.finished(client, name, execution)
        checks.equal(f"{name}: the run", record["executionStatus"], "Successful")
        return execution, record

    execution, record = run("Web-shop")
    created = int(client.describe_flow(flowName="Web-shop")["createdAt"].timestamp())
    names = [f"shop_appflow_web_shop_{created}_latest", "shop_appflow_web_shop_1", f"shop_appflow_web_shop_1_{execution}"]
    checks.equal("tables without a database", [d["tableName"] for d in record["metadataCatalogDetails"]], names)
    first = record["metadataCatalogDetails"][0]["tableRegistrationOutput"]
    checks.equal("their status", (first["status"], first["result"]), ("Error", "0"))
    checks.true(f"what it says: {first['message']}", '"lake" does not exist' in first["message"])

    glue = service("glue", aws)
    glue.create_database(DatabaseInput={"Name": "lake"})
    execution, record = run("Web-shop")
    details = client.describe_flow(flowName="Web-shop")["lastRunMetadataCatalogDetails"]
    checks.equal("DescribeFlow repeats the details", details, record["metadataCatalogDetails"])
    for d in details:
        checks.equal(d["tableName"], (d["catalogType"], d["tableRegistrationOutput"], d["partitionRegistrationOutput"]), (
            "GLUE", {"status": "Successful", "result": "1"}, {"status": "Successful", "result": d["partitionRegistrationOutput"]["result"]}))
    table = glue.get_table(DatabaseName="lake", Name="shop_appflow_web_shop_1")["Table"]
    checks.equal("columns", [(c["Name"], c["Type"]) for c in table["StorageDescriptor"]["Columns"]],
                 [("customer_id", "string"), ("country", "string"), ("card", "string")])
    checks.equal("keys", [c["Name"] for c in table["PartitionKeys"]], ["year", "month", "execution_id", "partition_country"])
    checks.equal("place", table["StorageDescriptor"]["Location"], "s3://out/lake/Web-shop/schemaVersion_1/")
    checks.equal("mapping", table["StorageDescriptor"]["SerdeInfo"]["Parameters"]["mapping.customer_id"], "Customer Id")

    def values(name):
        found = glue.get_partitions(DatabaseName="lake", TableName=name)["Partitions"]
        return sorted((p["Values"][-1], p["StorageDescriptor"]["Location"]) for p in found)

    versions = values("shop_appflow_web_shop_1")
    checks.equal("partitions of the version", [v for v, _ in versions], ["NO", "SE"])
    for value, place in versions:
        folder = server.bucket("out") / place.removeprefix("s3://out/")
        checks.true(f"files in {value}", any(folder.iterdir()))

    source.write_text("id,country,card\n1,NO,4111\n3,DK,4555\n")
    execution, record = run("Web-shop")
    checks.equal("partitions of the version grow", [v for v, _ in values("shop_appflow_web_shop_1")], ["DK", "NO", "NO", "SE"])
    latest = values(f"shop_appflow_web_shop_{created}_latest")
    checks.equal("partitions of the latest run alone", [v for v, _ in latest], ["DK", "NO"])
    checks.true("they lie in its folder", all(execution in place for _, place in latest))
    for kind in ("CSV", "PARQUET"):
        client.create_flow(**flow("files-" + kind, kind, preserveSourceDataTyping=kind == "PARQUET"))
        run("files-" + kind)
        table = glue.get_table(DatabaseName="lake", Name=f"shop_appflow_files_{kind.lower()}_1")["Table"]
        checks.equal(f"{kind}: classification", table["Parameters"]["classification"], kind.lower())
        checks.equal(f"{kind}: partitions", [v for v, _ in values(f"shop_appflow_files_{kind.lower()}_1")], ["DK", "NO"])
    received(server, checks, aws, queue, execution)


def received(server, checks, aws, queue, execution):
    runs = 5
    sqs = service("sqs", aws)
    events = []

    def more():
        for m in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            events.append(json.loads(m["Body"]))
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=m["ReceiptHandle"])
        return len(events) >= 2 * runs

    server.wait("all events on the bus", more)
    checks.equal("events on the bus", len(events), 2 * runs)
    by_type = {e["detail-type"]: e for e in events if e["detail"]["execution-id"] == execution}
    end = by_type["AppFlow End Flow Run Report"]
    detail = end["detail"]
    checks.equal("source", end["source"], "weir.appflow")
    checks.equal("the end's detail", {k: v for k, v in detail.items() if k not in ("start-time", "end-time", "created-by", "data-processed")}, {
        "flow-name": "Web-shop", "flow-arn": "arn:aws:appflow:eu-north-1:000000000000:flow/Web-shop", "source": "S3",
        "source-object": "s3://shop/customers", "destination": "S3", "destination-object": "s3://out/lake", "trigger-type": "ONDEMAND",
        "execution-id": execution, "num-of-records-processed": "2", "num-of-records-filtered": "0", "num-of-record-failures": "0",
        "num-of-documents-processed": "0", "status": "Execution Successful",
    })
    checks.true("times", LINE.match(detail["start-time"]) and LINE.match(detail["end-time"]))
    checks.true("every value is text", all(isinstance(v, str) for v in detail.values()))
    checks.true("the start tells no end", "end-time" not in by_type["AppFlow Start Flow Run Report"]["detail"])

    server.wait("all webhooks and lineage events", lambda: sum(p in ("/hook", "/lineage") for p, _, _ in Receiver.got) >= 4 * runs)
    checks.equal("the one that failed was sent again", (Receiver.refused, sum(p == "/hook" for p, _, _ in Receiver.got)), (1, 2 * runs))
    ids = set()
    for path, headers, body in Receiver.got:
        if path == "/hook":
            event = json.loads(body)
            signed = f"{headers['Webhook-Id']}.{headers['Webhook-Timestamp']}.".encode() + body
            want = "v1," + base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
            checks.equal("signature", headers["Webhook-Signature"], want)
            checks.equal("CloudEvents", (event["specversion"], event["subject"] != "", event["id"]), ("1.0", True, headers["Webhook-Id"]))
            ids.add(event["id"])
        elif path == "/lineage":
            checks.equal("authorization", headers["Authorization"], "Bearer lineage-key")
    checks.equal("an id for each event", len(ids), 2 * runs)
    lineage = [json.loads(b) for p, _, b in Receiver.got if p == "/lineage"]
    ended = next(e for e in lineage if e["eventType"] == "COMPLETE" and e["run"]["runId"] == execution)
    facets = ended["outputs"][0]["facets"]
    checks.equal("schema", [f["name"] for f in facets["schema"]["fields"]], ["Customer Id", "country", "card"])
    card = facets["columnLineage"]["fields"]["card"]["inputFields"][0]
    checks.equal("column lineage", (card["namespace"], card["name"], card["field"], card["transformations"][0]["masking"]), ("s3://shop", "customers", "card", True))

    wanted = (b"Weir/AppFlow", b"FlowExecutionsStarted", b"FlowExecutionsSucceeded", b"FlowExecutionTime", b"FlowExecutionRecordsProcessed")

    def metrics():
        sent = b"".join(body for path, _, body in Receiver.got if path.endswith("/PutMetricData"))
        return all(name in sent for name in wanted) and sent.count(b"FlowExecutionTime") == runs

    server.wait("metrics", metrics)
    import urllib.request

    page = urllib.request.urlopen(server.url + "/metrics").read().decode()
    checks.true("metrics by flow", 'FlowExecutionsSucceeded{FlowName="Web-shop"} 3' in page and 'FlowExecutionsStarted{FlowName="Web-shop"} 3' in page)
    checks.true("deliveries are counted", 'weir_notifications_total{outcome="delivered",receiver="webhook"} 10' in page)
