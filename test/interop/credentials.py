"""Credentials against independent stand-ins of AWS: the OAuth application lies in Secrets Manager and the profile's key in KMS,
both played by moto. A token endpoint written here says who asked."""

import http.server
import json
import os
import tempfile
import threading
import urllib.parse
from pathlib import Path

from rig import Server

ACCOUNT = {"aws_access_key_id": "x", "aws_secret_access_key": "y", "region_name": "eu-north-1"}


class Tokens(http.server.BaseHTTPRequestHandler):
    """A token endpoint for one application and one refresh token."""

    asked = []

    def do_POST(self):
        form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        self.asked.append(form)
        good = form.get("client_id") == "weir-app" and form.get("client_secret") == "app-secret" and form.get("refresh_token") == "refresh-1"
        self.answer(200 if good else 400, {"access_token": "fresh-access-token"} if good else {"error": "invalid_client"})

    def do_GET(self):
        """What a profile is checked with: the versions of the API, and whose the token is."""
        good = self.path == "/services/data" or self.headers["Authorization"] == "Bearer fresh-access-token"
        answers = {"/services/data": [{"version": "58.0"}], "/services/oauth2/userinfo": {"organization_id": "00D000000000001AAA"}}
        self.answer(200 if good and self.path in answers else 401, answers.get(self.path, []))

    def answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def judge(weir, checks):
    import boto3
    from moto.server import ThreadedMotoServer

    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    tokens = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Tokens)
    threading.Thread(target=tokens.serve_forever, daemon=True).start()
    try:
        at = "http://%s:%d" % moto.get_host_and_port()
        secrets = boto3.client("secretsmanager", endpoint_url=at, **ACCOUNT)
        arn = secrets.create_secret(Name="crm-app", SecretString='{"clientId":"weir-app","clientSecret":"app-secret"}')["ARN"]
        wrong = secrets.create_secret(Name="other", SecretString='{"user":"x"}')["ARN"]
        key = boto3.client("kms", endpoint_url=at, **ACCOUNT).create_key()["KeyMetadata"]["Arn"]
        env = {
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": at, "AWS_ENDPOINT_URL_KMS": at, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y",
            "AWS_EC2_METADATA_DISABLED": "true", "WEIR_ENDPOINT_URL_SALESFORCE": "http://127.0.0.1:%d" % tokens.server_port,
        }
        with tempfile.TemporaryDirectory(prefix="weir-credentials-") as folder:
            with Server(weir, Path(folder), "--allow-network", "127.0.0.0/8", env=env) as server:
                check(server, checks, arn, wrong, key)
    finally:
        tokens.shutdown()
        moto.stop()


def check(server, checks, arn, wrong, key):
    client = server.client()

    def make(name, secret, **more):
        return client.create_connector_profile(
            connectorProfileName=name, connectorType="Salesforce", connectionMode="Public", **more,
            connectorProfileConfig={
                "connectorProfileProperties": {"Salesforce": {"instanceUrl": "https://acme.my.salesforce.com"}},
                "connectorProfileCredentials": {"Salesforce": {"accessToken": "dummy", "refreshToken": "refresh-1", "clientCredentialsArn": secret}},
            },
        )

    make("crm", arn, kmsArn=key)
    checks.equal("the dummy access token is refreshed at once", [f["grant_type"] for f in Tokens.asked], ["refresh_token"])
    refused = client.exceptions.ValidationException
    words = "Please validate the ClientCredentialsArn provided"
    checks.raises("a secret of another shape", refused, lambda: make("b", wrong), words, "JSON object")
    checks.raises("a secret that is not there", refused, lambda: make("b", arn[:-6] + "AAAAAA"), words, "ResourceNotFoundException")
    checks.raises("a key that is not there", client.exceptions.ClientError, lambda: make("b", arn, kmsArn=key[:-4] + "0000"))
    names = [p["connectorProfileName"] for p in client.describe_connector_profiles()["connectorProfileDetails"]]
    checks.equal("only the good one was kept", names, ["crm"])
    client.update_connector_profile(
        connectorProfileName="crm", connectionMode="Public",
        connectorProfileConfig={"connectorProfileProperties": {"Salesforce": {"instanceUrl": "https://other.my.salesforce.com"}}},
    )
    database = b"".join(f.read_bytes() for f in (server.folder / "data").glob("weir.db*"))
    for secret in ("refresh-1", "fresh-access-token", "app-secret"):
        checks.true(f"{secret} is not in the database", secret.encode() not in database)
