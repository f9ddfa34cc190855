"""The table of operations and of every error that the model declares for them: how each is provoked.

A line is (operation, error or None for success, server, input). {c} stands for the client that sends it, so that each can
make its own. What is in NEVER cannot come from this server, by design; what is in LATER is not provoked here, for the reason
given. Together they are all that the model declares, which is checked.
"""

ACCOUNT, REGION = "000000000000", "eu-west-1"

# A bucket at a port where nobody listens, and the flag that maps it there.
DEAD = "dead-bucket"
DEAD_FLAGS = ("--bucket", f"{DEAD}=s3://{DEAD}?region=us-east-1&endpoint=http://127.0.0.1:1&use_path_style=true")


def arn(kind, name):
    return f"arn:aws:appflow:{REGION}:{ACCOUNT}:{kind}/{name}"


def function(name):
    return f"arn:aws:lambda:{REGION}:111122223333:function:{name}"


def flow(name, **changes):
    return {
        "flowName": name,
        "triggerConfig": {"triggerType": "OnDemand"},
        "sourceFlowConfig": {"connectorType": "S3", "sourceConnectorProperties": {"S3": {"bucketName": "shop", "bucketPrefix": "small"}}},
        "destinationFlowConfigList": [{"connectorType": "S3", "destinationConnectorProperties": {"S3": {"bucketName": "out"}}}],
        "tasks": [{"taskType": "Map_all", "sourceFields": [], "connectorOperator": {"S3": "NO_OP"}, "taskProperties": {}}],
    } | changes


def scheduled(name):
    return flow(name, triggerConfig={"triggerType": "Scheduled", "triggerProperties": {"Scheduled": {"scheduleExpression": "rate(1days)"}}})


def on_profile(name, profile):
    return flow(
        name, sourceFlowConfig={"connectorType": "Singular", "connectorProfileName": profile, "sourceConnectorProperties": {"Singular": {"object": "reports"}}},
        tasks=[{"taskType": "Map_all", "sourceFields": [], "connectorOperator": {"Singular": "NO_OP"}, "taskProperties": {}}],
    )


def on_zendesk(name):
    """A flow whose source is an application that the profile has no credentials for."""
    return flow(
        name, sourceFlowConfig={"connectorType": "Zendesk", "connectorProfileName": "zendesk", "sourceConnectorProperties": {"Zendesk": {"object": "tickets"}}},
        tasks=[{"taskType": "Map_all", "sourceFields": [], "connectorOperator": {"Zendesk": "NO_OP"}, "taskProperties": {}}],
    )


def on_dead(name):
    """A flow whose source is a bucket of a store that nobody answers for."""
    return flow(name, sourceFlowConfig={"connectorType": "S3", "sourceConnectorProperties": {"S3": {"bucketName": DEAD, "bucketPrefix": "x"}}})


def profile(name, **changes):
    """A private profile is kept although nobody answers to its credentials."""
    return {
        "connectorProfileName": name, "connectorType": "Singular", "connectionMode": "Private",
        "connectorProfileConfig": {"connectorProfileProperties": {"Singular": {}}, "connectorProfileCredentials": {"Singular": {"apiKey": "key-of-a-test"}}},
    } | changes


def without(request, *members):
    return {k: v for k, v in request.items() if k not in members}


def code_exchange(name):
    """An authorization code that has to be exchanged at a port where nobody listens."""
    return {
        "connectorProfileName": name, "connectorType": "Zendesk", "connectionMode": "Public",
        "connectorProfileConfig": {
            "connectorProfileProperties": {"Zendesk": {"instanceUrl": "https://127.0.0.1:1"}},
            "connectorProfileCredentials": {"Zendesk": {"clientId": "id", "clientSecret": "secret", "oAuthRequest": {"authCode": "code", "redirectUri": "https://127.0.0.1/x"}}},
        },
    }


def registration(label, to="crm"):
    return {"connectorLabel": label, "connectorProvisioningType": "LAMBDA", "connectorProvisioningConfig": {"lambda": {"lambdaArn": function(to)}}}


def reregistration(label, to="crm"):
    return without(registration(label, to), "connectorProvisioningType")


V, N, C, Q = "ValidationException", "ResourceNotFoundException", "ConflictException", "ServiceQuotaExceededException"
I, A, T, U = "InternalServerException", "AccessDeniedException", "ThrottlingException", "UnsupportedOperationException"
CA, CS = "ConnectorAuthenticationException", "ConnectorServerException"

# Made on every server that has room, before the table.
SETUP = [
    ("RegisterConnector", registration("erp")),
    ("CreateConnectorProfile", profile("crm")),
    ("CreateFlow", flow("orders", tags={"team": "data"})),
    ("CreateFlow", scheduled("daily")),
    ("StartFlow", {"flowName": "daily"}),
]
SETUP_MAIN = [
    ("RegisterConnector", registration("used")),
    ("CreateConnectorProfile", {
        "connectorProfileName": "custom", "connectorType": "CustomConnector", "connectorLabel": "used", "connectionMode": "Private",
        "connectorProfileConfig": {
            "connectorProfileProperties": {"CustomConnector": {"profileProperties": {"host": "h"}}},
            "connectorProfileCredentials": {"CustomConnector": {"authenticationType": "BASIC", "basic": {"username": "u", "password": "p"}}},
        },
    }),
    ("CreateConnectorProfile", code_exchange("zendesk") | {"connectionMode": "Private"}),
    ("CreateFlow", on_profile("ads", "crm")),
]

BIG = flow("big", sourceFlowConfig={"connectorType": "S3", "sourceConnectorProperties": {"S3": {"bucketName": "shop", "bucketPrefix": "big"}}})

TABLE = [
    # Each operation does what it is for.
    ("RegisterConnector", None, "main", registration("erp-{c}")),
    ("UpdateConnectorRegistration", None, "main", reregistration("erp-{c}") | {"description": "again"}),
    ("ListConnectors", None, "main", {"maxResults": 5}),
    ("DescribeConnector", None, "main", {"connectorType": "CustomConnector", "connectorLabel": "erp-{c}"}),
    ("DescribeConnectors", None, "main", {"connectorTypes": ["Salesforce", "S3"]}),
    ("UnregisterConnector", None, "main", {"connectorLabel": "erp-{c}"}),
    ("CreateConnectorProfile", None, "main", profile("profile-{c}")),
    ("UpdateConnectorProfile", None, "main", without(profile("profile-{c}"), "connectorType")),
    ("DescribeConnectorProfiles", None, "main", {"connectorProfileNames": ["profile-{c}"], "connectorType": "Singular"}),
    ("DeleteConnectorProfile", None, "main", {"connectorProfileName": "profile-{c}"}),
    ("ListConnectorEntities", None, "main", {"connectorType": "S3", "entitiesPath": "shop"}),
    ("DescribeConnectorEntity", None, "main", {"connectorType": "S3", "connectorEntityName": "shop/small"}),
    ("ResetConnectorMetadataCache", None, "main", {"connectorType": "S3"}),
    ("CreateFlow", None, "main", flow("flow-{c}")),
    ("UpdateFlow", None, "main", flow("flow-{c}", description="again")),
    ("DescribeFlow", None, "main", {"flowName": "flow-{c}"}),
    ("ListFlows", None, "main", {"maxResults": 100}),
    ("StartFlow", None, "main", {"flowName": "flow-{c}"}),
    ("DescribeFlowExecutionRecords", None, "main", {"flowName": "flow-{c}"}),
    ("CancelFlowExecutions", None, "main", {"flowName": "flow-{c}"}),
    ("TagResource", None, "main", {"resourceArn": arn("flow", "flow-{c}"), "tags": {"a": "b"}}),
    ("ListTagsForResource", None, "main", {"resourceArn": arn("flow", "flow-{c}")}),
    ("UntagResource", None, "main", {"resourceArn": arn("flow", "flow-{c}"), "tagKeys": ["a"]}),
    ("StopFlow", None, "main", {"flowName": "daily"}),
    ("DeleteFlow", None, "main", {"flowName": "flow-{c}", "forceDelete": True}),
    # What the request says cannot be.
    ("CancelFlowExecutions", V, "main", {"flowName": "two words"}),
    ("CreateConnectorProfile", V, "main", profile("two words")),
    ("CreateFlow", V, "main", flow("two words")),
    ("DescribeConnector", V, "main", {"connectorType": "CustomConnector", "connectorLabel": "two words"}),
    ("DescribeConnectorEntity", V, "main", {"connectorType": "S3", "connectorEntityName": "two words"}),
    ("DescribeConnectorProfiles", V, "main", {"connectorProfileNames": ["two words"]}),
    ("DescribeConnectors", V, "main", {"maxResults": 100, "nextToken": "made-up"}),
    ("DescribeFlowExecutionRecords", V, "main", {"flowName": "orders", "nextToken": "made-up"}),
    ("ListConnectorEntities", V, "main", {"connectorProfileName": "two words"}),
    ("ListConnectors", V, "main", {"nextToken": "made-up"}),
    ("ListFlows", V, "main", {"nextToken": "made-up"}),
    ("ListTagsForResource", V, "main", {"resourceArn": "arn:aws:s3:::bucket"}),
    ("TagResource", V, "main", {"resourceArn": arn("flow", "orders"), "tags": {"aws:x": "y"}}),
    ("UntagResource", V, "main", {"resourceArn": "arn:aws:s3:::bucket", "tagKeys": ["a"]}),
    ("RegisterConnector", V, "main", registration("two words")),
    ("ResetConnectorMetadataCache", V, "main", {}),
    ("UpdateConnectorProfile", V, "main", without(profile("two words"), "connectorType")),
    ("UpdateConnectorRegistration", V, "main", {"connectorLabel": "two words"}),
    ("UpdateFlow", V, "main", flow("orders", destinationFlowConfigList=[])),
    # What is not there.
    ("CancelFlowExecutions", N, "main", {"flowName": "nobody"}),
    ("CreateFlow", N, "main", on_profile("new", "nobody")),
    ("DeleteConnectorProfile", N, "main", {"connectorProfileName": "nobody"}),
    ("DeleteFlow", N, "main", {"flowName": "nobody"}),
    ("DescribeConnector", N, "main", {"connectorType": "CustomConnector", "connectorLabel": "nobody"}),
    ("DescribeConnectorEntity", N, "main", {"connectorProfileName": "nobody", "connectorEntityName": "x"}),
    ("DescribeFlow", N, "main", {"flowName": "nobody"}),
    ("DescribeFlowExecutionRecords", N, "main", {"flowName": "nobody"}),
    ("ListConnectorEntities", N, "main", {"connectorProfileName": "nobody"}),
    ("ListTagsForResource", N, "main", {"resourceArn": arn("flow", "nobody")}),
    ("TagResource", N, "main", {"resourceArn": arn("flow", "nobody"), "tags": {"a": "b"}}),
    ("UntagResource", N, "main", {"resourceArn": arn("flow", "nobody"), "tagKeys": ["a"]}),
    ("RegisterConnector", N, "main", registration("new", "missing")),
    ("ResetConnectorMetadataCache", N, "main", {"connectorProfileName": "nobody"}),
    ("StartFlow", N, "main", {"flowName": "nobody"}),
    ("StopFlow", N, "main", {"flowName": "nobody"}),
    ("UnregisterConnector", N, "main", {"connectorLabel": "nobody"}),
    ("UpdateConnectorProfile", N, "main", without(profile("nobody"), "connectorType")),
    ("UpdateConnectorRegistration", N, "main", {"connectorLabel": "nobody"}),
    ("UpdateFlow", N, "main", flow("nobody")),
    # What the state of things forbids.
    ("CreateConnectorProfile", C, "main", profile("crm")),
    ("CreateFlow", C, "main", flow("orders")),
    ("DeleteConnectorProfile", C, "main", {"connectorProfileName": "crm"}),
    ("DeleteFlow", C, "busy", {"flowName": "big"}),
    ("RegisterConnector", C, "main", registration("erp")),
    ("StartFlow", C, "busy", {"flowName": "big"}),
    ("UnregisterConnector", C, "main", {"connectorLabel": "used"}),
    # A token that was used for something else.
    ("UpdateConnectorProfile", C, "main", [without(profile("crm"), "connectorType") | {"clientToken": "{c}-p"}, without(profile("crm"), "connectorType") | {"connectionMode": "Public", "clientToken": "{c}-p"}]),
    ("UpdateConnectorRegistration", C, "main", [{"connectorLabel": "erp", "description": "a", "clientToken": "{c}-r"}, {"connectorLabel": "erp", "description": "b", "clientToken": "{c}-r"}]),
    ("UpdateFlow", C, "main", [flow("orders", description="a", clientToken="{c}-f"), flow("orders", description="b", clientToken="{c}-f")]),
    ("StopFlow", U, "main", {"flowName": "orders"}),
    # Limits.
    ("CreateConnectorProfile", Q, "busy", profile("one-more")),
    ("CreateFlow", Q, "busy", flow("one-more")),
    ("RegisterConnector", Q, "busy", registration("one-more")),
    ("StartFlow", Q, "busy", {"flowName": "orders"}),
    *[(op, T, "slow", request) for op, request in {
        "CancelFlowExecutions": {"flowName": "orders"}, "RegisterConnector": registration("new"), "UpdateConnectorRegistration": {"connectorLabel": "erp"},
    }.items()],
    # A key that may only look.
    *[(op, A, "viewer", request) for op, request in {
        "CancelFlowExecutions": {"flowName": "orders"}, "CreateFlow": flow("new"), "UpdateFlow": flow("orders"),
        "RegisterConnector": registration("new"), "UpdateConnectorRegistration": {"connectorLabel": "erp"},
    }.items()],
    # Custom connectors and applications that answer badly, or not at all.
    ("RegisterConnector", CS, "main", registration("new", "broken")),
    ("UpdateConnectorRegistration", CS, "main", reregistration("erp", "broken")),
    ("RegisterConnector", CA, "main", registration("new", "refusing")),
    ("UpdateConnectorRegistration", CA, "main", reregistration("erp", "refusing")),
    ("CreateConnectorProfile", CA, "main", code_exchange("new")),
    ("UpdateConnectorProfile", CA, "main", without(code_exchange("zendesk"), "connectorType")),
    ("ListConnectorEntities", CA, "main", {"connectorProfileName": "zendesk"}),
    ("DescribeConnectorEntity", CA, "main", {"connectorProfileName": "zendesk", "connectorEntityName": "tickets"}),
    ("CreateFlow", CA, "main", on_zendesk("new")),
    ("ListConnectorEntities", CS, "main", {"connectorType": "S3", "entitiesPath": DEAD}),
    ("DescribeConnectorEntity", CS, "main", {"connectorType": "S3", "connectorEntityName": DEAD + "/x"}),
    ("CreateFlow", CS, "main", on_dead("new")),
    ("UpdateFlow", CS, "main", on_dead("orders")),
    # A store that has lost its tables.
    *[(op, I, "broken", request) for op, request in {
        "CancelFlowExecutions": {"flowName": "orders"}, "CreateConnectorProfile": profile("new"), "CreateFlow": flow("new"),
        "DeleteConnectorProfile": {"connectorProfileName": "crm"}, "DeleteFlow": {"flowName": "orders"},
        "DescribeConnector": {"connectorType": "CustomConnector", "connectorLabel": "erp"}, "DescribeConnectorEntity": {"connectorProfileName": "crm", "connectorEntityName": "x"},
        "DescribeConnectorProfiles": {}, "DescribeFlow": {"flowName": "orders"}, "DescribeFlowExecutionRecords": {"flowName": "orders"},
        "ListConnectorEntities": {"connectorProfileName": "crm"}, "ListConnectors": {}, "ListFlows": {}, "ListTagsForResource": {"resourceArn": arn("flow", "orders")},
        "RegisterConnector": registration("new"), "ResetConnectorMetadataCache": {"connectorProfileName": "crm"}, "StartFlow": {"flowName": "orders"}, "StopFlow": {"flowName": "daily"},
        "TagResource": {"resourceArn": arn("flow", "orders"), "tags": {"a": "b"}}, "UnregisterConnector": {"connectorLabel": "erp"},
        "UntagResource": {"resourceArn": arn("flow", "orders"), "tagKeys": ["a"]}, "UpdateConnectorProfile": without(profile("crm"), "connectorType"),
        "UpdateConnectorRegistration": {"connectorLabel": "erp"}, "UpdateFlow": flow("orders"),
    }.items()],
]

# Declared, and never sent by this server.
NEVER = {
    ("UpdateFlow", Q): "an update makes no new flow, so no limit can be reached",
    ("UpdateConnectorRegistration", Q): "an update makes no new registration",
    ("StopFlow", C): "a flow is never between two states, so it can always be stopped",
    ("DescribeConnectors", I): "what it tells of AppFlow's connectors is part of the program",
    ("ResetConnectorMetadataCache", C): "dropping a cache conflicts with nothing",
}

# Declared, and not provoked here.
LATER = {
    ("UpdateFlow", CA): "needs an application that takes the credentials when the flow is made, and refuses them when it is updated",
}
