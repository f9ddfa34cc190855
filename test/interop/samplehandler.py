"""AWS's own sample of a custom connector, as its SDK ships it, with one constant changed: the page that says who a token belongs
to stands on this machine instead of at the vendor."""

import os

import custom_connector_example.handlers.configuration as configuration
from custom_connector_example.handlers.lambda_handler import salesforce_lambda_handler

configuration.SALESFORCE_USERINFO_URL_FORMAT = os.environ["SAMPLE_VENDOR"] + "/userinfo"


def lambda_handler(event, context):
    if event["type"] == "QueryDataRequest":
        print("token", configuration.salesforce.get_access_token_from_secret(event["connectorContext"]["credentials"]["secretArn"]))
    return salesforce_lambda_handler(event, context)
