"""boto3 through the whole life of flows, in the forms its users write."""

import copy
import datetime
import os

from botocore.exceptions import ClientError, ParamValidationError

UTC = datetime.timezone.utc
SMALL = 'id,name\n1,Ana\n2,"Bo, jr"\n3,\n'


def simple(name, **changes):
    """A small flow, as its author would write it."""
    flow = {
        "flowName": name,
        "triggerConfig": {"triggerType": "OnDemand"},
        "sourceFlowConfig": {
            "connectorType": "S3",
            "sourceConnectorProperties": {"S3": {"bucketName": "shop", "bucketPrefix": "small/"}},
        },
        "destinationFlowConfigList": [
            {"connectorType": "S3", "destinationConnectorProperties": {"S3": {"bucketName": "out"}}},
        ],
        "tasks": [
            {"taskType": "Filter", "sourceFields": ["id", "name"], "connectorOperator": {"S3": "PROJECTION"}},
            {"taskType": "Map", "sourceFields": ["id"], "destinationField": "id", "connectorOperator": {"S3": "NO_OP"}},
            {"taskType": "Map", "sourceFields": ["name"], "destinationField": "name", "connectorOperator": {"S3": "NO_OP"}},
        ],
    }
    return flow | changes


def scheduled(**properties):
    return {"triggerType": "Scheduled", "triggerProperties": {"Scheduled": {"scheduleExpression": "rate(1hours)"} | properties}}


def full(name):
    """Every parameter that a flow from S3 to S3 takes."""
    day = datetime.datetime(2030, 1, 1, 12, 30, 15, tzinfo=UTC)
    flow = simple(
        name,
        description="orders, every hour",
        kmsArn="arn:aws:kms:eu-west-1:111122223333:key/k",
        triggerConfig=scheduled(
            dataPullMode="Incremental", scheduleStartTime=day, scheduleEndTime=day + datetime.timedelta(days=9), timezone="Europe/Oslo",
            scheduleOffset=0, firstExecutionFrom=day - datetime.timedelta(days=1), flowErrorDeactivationThreshold=5,
        ),
        metadataCatalogConfig={"glueDataCatalog": {"roleArn": "arn:aws:iam::111122223333:role/r", "databaseName": "db", "tablePrefix": "t"}},
        tags={"team": "data", "empty": ""},
    )
    flow["sourceFlowConfig"] |= {"apiVersion": "v1", "incrementalPullConfig": {"datetimeTypeFieldName": "LastModified"}}
    flow["sourceFlowConfig"]["sourceConnectorProperties"]["S3"]["s3InputFormatConfig"] = {"s3InputFileType": "CSV"}
    flow["destinationFlowConfigList"][0]["destinationConnectorProperties"]["S3"] |= {
        "bucketPrefix": "lake",
        "s3OutputFormatConfig": {
            "fileType": "PARQUET",
            "preserveSourceDataTyping": True,
            "prefixConfig": {"prefixType": "PATH_AND_FILENAME", "prefixFormat": "DAY", "pathPrefixHierarchy": ["SCHEMA_VERSION", "EXECUTION_ID"]},
            "aggregationConfig": {"aggregationType": "SingleFile", "targetFileSize": 128},
        },
    }
    return flow


def judge(server, checks):
    appflow = server.client()
    (server.bucket("shop") / "small").mkdir()
    (server.bucket("shop") / "small" / "1.csv").write_text(SMALL)
    for part in (definitions, updates, schedules, paging, runs, cancellation, tags, refusals):
        with checks.part(part.__name__):
            part(server, appflow, checks)


def definitions(server, appflow, checks):
    """What was created is what is described."""
    for make in (simple, full):
        want = make(f"definition-{make.__name__}")
        created = appflow.create_flow(**copy.deepcopy(want))
        checks.equal(f"{make.__name__}: status of a new flow", created["flowStatus"], "Active" if make is simple else "Draft")
        got = appflow.describe_flow(flowName=want["flowName"])
        for member, value in want.items():
            checks.equal(f"{make.__name__}: described {member}", got.get(member), value)
        checks.equal(f"{make.__name__}: ARN", got["flowArn"], created["flowArn"])
        checks.true(f"{make.__name__}: ARN names the flow", created["flowArn"].endswith(":flow/" + want["flowName"]))
        checks.true(f"{make.__name__}: createdAt is a moment", abs(datetime.datetime.now(UTC) - got["createdAt"]) < datetime.timedelta(minutes=1))
        checks.equal(f"{make.__name__}: HTTP status", got["ResponseMetadata"]["HTTPStatusCode"], 200)
        checks.true(f"{make.__name__}: request id", got["ResponseMetadata"]["RequestId"])


def updates(server, appflow, checks):
    """UpdateFlow replaces the definition: every parameter, and what is left out is gone."""
    name = "updated"
    appflow.create_flow(**simple(name, description="first", tags={"keep": "me"}))
    want = full(name)
    for not_updatable in ("tags", "kmsArn"):
        del want[not_updatable]
    appflow.update_flow(**want)
    got = appflow.describe_flow(flowName=name)
    for member, value in want.items():
        checks.equal(f"updated {member}", got.get(member), value)
    checks.equal("tags stay", got["tags"], {"keep": "me"})
    appflow.update_flow(**simple(name))
    got = appflow.describe_flow(flowName=name)
    checks.true("what an update leaves out is gone", "description" not in got and "metadataCatalogConfig" not in got)
    checks.equal("trigger after the second update", got["triggerConfig"], {"triggerType": "OnDemand"})


def schedules(server, appflow, checks):
    """A moment may be written as a datetime with or without a zone, as text, or as seconds."""
    moment = datetime.datetime(2031, 5, 17, 8, 0, tzinfo=UTC)
    oslo = datetime.timezone(datetime.timedelta(hours=2))
    forms = {
        "aware": moment,
        "zone": moment.astimezone(oslo),
        "naive": moment.replace(tzinfo=None),  # boto3 takes it as UTC
        "text": "2031-05-17T08:00:00Z",
        "offset": "2031-05-17T10:00:00+02:00",
        "seconds": int(moment.timestamp()),
        "float": moment.timestamp(),
    }
    for form, value in forms.items():
        name = f"schedule-{form}"
        appflow.create_flow(**simple(name, triggerConfig=scheduled(scheduleStartTime=value)))
        got = appflow.describe_flow(flowName=name)["triggerConfig"]["triggerProperties"]["Scheduled"]
        checks.equal(f"start time given as {form}", got["scheduleStartTime"], moment)
        checks.equal(f"{form}: activated", appflow.start_flow(flowName=name)["flowStatus"], "Active")
        checks.equal(f"{form}: suspended", appflow.stop_flow(flowName=name)["flowStatus"], "Suspended")
        appflow.delete_flow(flowName=name)


def paging(server, appflow, checks):
    names = [f"page-{i}" for i in range(7)]
    for name in names:
        appflow.create_flow(**simple(name))
    seen, token, pages = [], {}, 0
    while True:
        page = appflow.list_flows(maxResults=3, **token)
        checks.true("a page is no longer than asked", len(page["flows"]) <= 3)
        seen += [f["flowName"] for f in page["flows"]]
        pages += 1
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    checks.equal("every flow once", sorted(set(seen)), sorted(seen))
    checks.equal("all flows", [n for n in sorted(seen) if n.startswith("page-")], names)
    checks.true("several pages", pages >= 3)
    one = next(f for f in appflow.list_flows(maxResults=100)["flows"] if f["flowName"] == "page-0")
    checks.equal("summary", (one["sourceConnectorType"], one["destinationConnectorType"], one["triggerType"], one["flowStatus"]), ("S3", "S3", "OnDemand", "Active"))
    checks.raises("a made-up token", appflow.exceptions.ValidationException, lambda: appflow.list_flows(nextToken="made-up"))
    for name in names:
        appflow.delete_flow(flowName=name)


def runs(server, appflow, checks):
    appflow.create_flow(**simple("runs"))
    ids = []
    for i in range(3):
        started = appflow.start_flow(flowName="runs")
        ids.append(started["executionId"])
        record = server.finished(appflow, "runs", started["executionId"])
        checks.equal(f"run {i}: status", record["executionStatus"], "Successful")
        result = record["executionResult"]
        checks.equal(f"run {i}: counts", (result["recordsProcessed"], result["bytesProcessed"]), (3, len(SMALL)))
        checks.true(f"run {i}: moments", record["startedAt"] <= record["lastUpdatedAt"] and record["startedAt"].tzinfo is not None)
        checks.true(f"run {i}: no error", "errorInfo" not in result)
    token = {"clientToken": "the same request twice"}
    again = [appflow.start_flow(flowName="runs", **token)["executionId"] for _ in range(2)]
    checks.equal("a repeated request starts one run", again[0], again[1])
    server.finished(appflow, "runs", again[0])
    page = appflow.describe_flow_execution_records(flowName="runs", maxResults=2)
    rest = appflow.describe_flow_execution_records(flowName="runs", maxResults=2, nextToken=page["nextToken"])
    listed = [r["executionId"] for r in page["flowExecutions"] + rest["flowExecutions"]]
    checks.equal("history, the newest first", listed, [again[0], *reversed(ids)])
    last = appflow.describe_flow(flowName="runs")["lastRunExecutionDetails"]
    checks.equal("last run", last["mostRecentExecutionStatus"], "Successful")
    checks.equal("files", len(list(server.bucket("out").glob("runs/*"))), 4)


def cancellation(server, appflow, checks):
    """A long run is stopped, and leaves nothing."""
    big = server.bucket("shop") / "big"
    big.mkdir()
    row = "name of somebody, with a comma"
    (big / "0.csv").write_text("id,name\n" + "".join(f'{i},"{row}"\n' for i in range(400_000)))
    for i in range(1, 40):
        os.link(big / "0.csv", big / f"{i}.csv")
    flow = simple("long")
    flow["sourceFlowConfig"]["sourceConnectorProperties"]["S3"]["bucketPrefix"] = "big/"
    appflow.create_flow(**flow)
    execution = appflow.start_flow(flowName="long")["executionId"]
    checks.raises("delete while it runs", appflow.exceptions.ConflictException, lambda: appflow.delete_flow(flowName="long"), "long")
    answer = appflow.cancel_flow_executions(flowName="long", executionIds=[execution, "00000000-0000-0000-0000-000000000000"])
    checks.equal("what could not be canceled", answer["invalidExecutions"], ["00000000-0000-0000-0000-000000000000"])
    checks.equal("canceled", server.finished(appflow, "long", execution)["executionStatus"], "Canceled")
    checks.equal("nothing is left", list(server.bucket("out").glob("long*")) + list(server.bucket("out").glob(".*")), [])
    execution = appflow.start_flow(flowName="long")["executionId"]
    appflow.delete_flow(flowName="long", forceDelete=True)
    checks.raises("gone", appflow.exceptions.ResourceNotFoundException, lambda: appflow.describe_flow(flowName="long"), "long")
    checks.equal("nothing is left of a deleted run", list(server.bucket("out").glob("long*")), [])


def tags(server, appflow, checks):
    arn = appflow.create_flow(**simple("tagged", tags={"a": "1"}))["flowArn"]
    appflow.tag_resource(resourceArn=arn, tags={"b": "2", "a": "3"})
    checks.equal("tags", appflow.list_tags_for_resource(resourceArn=arn)["tags"], {"a": "3", "b": "2"})
    appflow.untag_resource(resourceArn=arn, tagKeys=["a", "never-there"])
    checks.equal("tags left", appflow.list_tags_for_resource(resourceArn=arn)["tags"], {"b": "2"})
    checks.equal("described tags", appflow.describe_flow(flowName="tagged")["tags"], {"b": "2"})
    checks.raises("a flow that is not there", appflow.exceptions.ResourceNotFoundException, lambda: appflow.list_tags_for_resource(resourceArn=arn + "x"))


def refusals(server, appflow, checks):
    errors = appflow.exceptions
    appflow.create_flow(**simple("taken"))
    checks.raises("a name twice", errors.ConflictException, lambda: appflow.create_flow(**simple("taken")), "taken")
    appflow.create_flow(**simple("token"), clientToken="t1")
    checks.equal("a create repeated", appflow.create_flow(**simple("token"), clientToken="t1")["flowStatus"], "Active")
    checks.raises("a token for something else", errors.ConflictException, lambda: appflow.create_flow(**simple("other"), clientToken="t1"))
    for call in (appflow.describe_flow, appflow.start_flow, appflow.stop_flow, appflow.delete_flow, appflow.describe_flow_execution_records):
        checks.raises(f"{call.__name__} of nobody", errors.ResourceNotFoundException, lambda call=call: call(flowName="nobody"), "nobody")

    def changed(path, value):
        flow = simple("refused")
        at = flow
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = value
        return lambda: appflow.create_flow(**flow)

    checks.raises("an unknown task", errors.ValidationException, changed(("tasks", 1, "taskType"), "Explode"), "Explode")
    checks.raises("an unknown operator", errors.ValidationException, changed(("tasks", 1, "connectorOperator"), {"S3": "EXPLODE"}), "EXPLODE")
    checks.raises("a bad name", errors.ValidationException, changed(("flowName",), "a name with spaces"))
    checks.raises("an empty prefix", errors.ConnectorServerException, changed(("sourceFlowConfig", "sourceConnectorProperties", "S3", "bucketPrefix"), ""))
    checks.raises("on demand is not stopped", errors.UnsupportedOperationException, lambda: appflow.stop_flow(flowName="taken"))
    try:
        appflow.create_flow(flowName="half")
        checks.fail("half a flow", "was accepted by boto3")
    except ParamValidationError:
        checks.passed += 1
    checks.raises("a wrong secret", ClientError, lambda: server.client(secret="wrong").list_flows())
    checks.raises("a wrong key", ClientError, lambda: server.client(key="AKIANOBODY").list_flows())
