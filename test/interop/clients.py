"""Three real clients, every operation, every declared error: boto3, AWS's client for Go and the AWS CLI send the table of
errors.py, and each has to see the answer as its own kind of exception."""

import contextlib
import copy
import http.server
import json
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import threading

import errors
from rig import KEY, SECRET, Server

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MODEL = ROOT / "api/model/appflow-2020-08-23.contract.json"


def declared():
    """Every pair of operation and error of the model."""
    shapes = json.loads(MODEL.read_text())["shapes"]
    pairs = set()
    for name, shape in shapes.items():
        if shape["type"] == "operation":
            pairs |= {(name.split("#")[1], e["target"].split("#")[1]) for e in shape.get("errors", [])}
    return pairs


class Functions(http.server.BaseHTTPRequestHandler):
    """Lambda, with functions that answer by their names."""

    configuration = {
        "isSuccess": True, "connectorOwner": "Judge", "connectorName": "Judge", "connectorVersion": "1.0", "connectorModes": ["SOURCE", "DESTINATION"],
        "authenticationConfig": {"isBasicAuthSupported": True, "isApiKeyAuthSupported": False, "isOAuth2Supported": False, "isCustomAuthSupported": False},
        "supportedApiVersions": ["v1"], "operatorsSupported": ["PROJECTION", "NO_OP"], "supportedTriggerTypes": ["ONDEMAND", "SCHEDULED"], "triggerFrequenciesSupported": ["BYMINUTE"],
        "supportedWriteOperations": ["INSERT"], "connectorRuntimeSetting": [],
    }

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        name = re.split(r"function(?::|%3A)", self.path)[-1].split("/")[0]
        headers = {}
        status, body = 200, self.configuration if "Configuration" in request.get("type", "") else {"isSuccess": True}
        if name == "missing":
            status, headers, body = 404, {"X-Amzn-ErrorType": "ResourceNotFoundException"}, {"Message": "Function not found"}
        elif name == "broken":
            headers, body = {"X-Amz-Function-Error": "Unhandled"}, {"errorMessage": "division by zero", "errorType": "ZeroDivisionError"}
        elif name == "refusing":
            body = {"isSuccess": False, "errorDetails": {"errorCode": "InvalidCredentials", "errorMessage": "who are you?"}}
        text = json.dumps(body).encode()
        self.send_response(status)
        for k, v in {"Content-Type": "application/json", "Content-Length": str(len(text)), **headers}.items():
            self.send_header(k, v)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


class Boto3:
    name = "boto3"

    def send(self, server, key, operation, request):
        client = server.client(*key)
        method = getattr(client, re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower())
        try:
            method(**request)
        except client.exceptions.ClientError as e:
            kind = type(e).__name__
            assert kind == "ClientError" or isinstance(e, getattr(client.exceptions, kind))
            return kind, e.response["Error"]["Message"]
        return "", ""


class AWSGo:
    name = "go"

    def __init__(self, binary):
        self.process = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def send(self, server, key, operation, request):
        line = json.dumps({"url": server.url, "key": key[0], "secret": key[1], "operation": operation, "input": request})
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return answer["type"], answer["message"]

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


class CLI:
    name = "cli"

    def send(self, server, key, operation, request):
        env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")} | {
            "AWS_ACCESS_KEY_ID": key[0], "AWS_SECRET_ACCESS_KEY": key[1], "AWS_REGION": errors.REGION, "AWS_DEFAULT_REGION": errors.REGION, "AWS_PAGER": "",
            "AWS_MAX_ATTEMPTS": "1", "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull,
        }
        command = re.sub(r"(?<!^)(?=[A-Z])", "-", operation).lower()
        done = subprocess.run(
            ["aws", "--endpoint-url", server.url, "--no-paginate", "appflow", command, "--cli-input-json", json.dumps(request)],
            env=env, capture_output=True, text=True, timeout=60,
        )
        if done.returncode == 0:
            return "", ""
        found = re.search(r"An error occurred \((\w+)\) when calling the (\w+) operation", done.stderr)
        return (found[1], done.stderr) if found and found[2] == operation else ("no answer", done.stderr)


def filled_in(request, client):
    return json.loads(json.dumps(request).replace("{c}", client))


def judge(folder, weir, checks, go):
    """Starts the servers that the table needs, and sends it with every client."""
    clients = [Boto3()]
    clients += [AWSGo(go)] if go else []
    clients += [CLI()] if shutil.which("aws") else []
    for missing in {"go", "cli"} - {c.name for c in clients}:
        print(f"the client {missing} is not here: its part was not judged")
    table = {(op, e) for op, e, *_ in errors.TABLE}
    covered = {p for p in table if p[1]} | set(errors.NEVER) | set(errors.LATER)
    checks.equal("declared, and not in the table", sorted(declared() - covered), [])
    checks.equal("in the table, and not declared", sorted(covered - declared()), [])
    checks.equal("no line is both provoked and excused", sorted(table & (set(errors.NEVER) | set(errors.LATER))), [])
    checks.equal("every operation succeeds once", sorted(op for op, e in table if not e), sorted({op for op, _ in declared()}))
    with contextlib.ExitStack() as stack:
        lambdas = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Functions)
        threading.Thread(target=lambdas.serve_forever, daemon=True).start()
        stack.callback(lambdas.shutdown)
        env = {"AWS_ENDPOINT_URL_LAMBDA": f"http://127.0.0.1:{lambdas.server_port}", "AWS_ACCESS_KEY_ID": "lambda", "AWS_SECRET_ACCESS_KEY": "lambda", "AWS_EC2_METADATA_DISABLED": "true"}

        def start(name, *flags, setup=errors.SETUP):
            (folder / name).mkdir()
            server = stack.enter_context(Server(weir, folder / name, "--allow-network", "127.0.0.0/8", *flags, env=env))
            small = server.bucket("shop") / "small"
            small.mkdir()
            (small / "1.csv").write_text("id,name\n1,Ana\n")
            server.bucket("out")
            for operation, request in setup:
                kind, message = clients[0].send(server, (KEY, SECRET), operation, copy.deepcopy(request))
                checks.equal(f"{name}: {operation} to begin with ({message})", kind, "")
            return server

        main = start("main", *errors.DEAD_FLAGS, setup=errors.SETUP + errors.SETUP_MAIN)
        servers = {"main": (main, (KEY, SECRET)), "viewer": (main, viewer(main))}
        servers["busy"] = (busy(start), (KEY, SECRET))
        broken = start("broken")
        lose_tables(broken)
        servers["broken"] = (broken, (KEY, SECRET))
        slow = start("slow", "--write-rate-limit", "0.001", setup=[])
        servers["slow"] = (slow, (KEY, SECRET))
        clients[0].send(slow, (KEY, SECRET), "StopFlow", {"flowName": "nobody"})  # what may be sent at once
        clients[0].send(slow, (KEY, SECRET), "StopFlow", {"flowName": "nobody"})
        for client in clients:
            with checks.part(f"every operation and error, {client.name}"):
                run_on(servers["busy"][0])
                for operation, want, where, request in sorted(errors.TABLE, key=lambda line: line[2] != "busy"):
                    requests = request if isinstance(request, list) else [request]
                    server, key = servers[where]
                    for r in requests[:-1]:
                        client.send(server, key, operation, filled_in(r, client.name))
                    kind, message = client.send(server, key, operation, filled_in(requests[-1], client.name))
                    checks.equal(f"{client.name}: {operation} → {want or 'success'} ({message[:300]!r})", kind, want or "")
        for client in clients:
            if hasattr(client, "close"):
                client.close()


def viewer(server):
    """A key that may look at everything and change nothing."""
    env = os.environ | {"WEIR_ACCESS_KEY_ID": KEY, "WEIR_SECRET_ACCESS_KEY": SECRET}
    made = subprocess.run([server.weir, "keys", "create", "viewer", "--policy", "read-only", "--endpoint-url", server.url, "-o", "json"], env=env, capture_output=True, text=True, check=True)
    key = json.loads(made.stdout)
    return key["id"], key["secret"]


def busy(start):
    """A server at its limits, with a run that goes on for a long time."""
    setup = [s for s in errors.SETUP if s[1].get("flowName") != "daily"]
    server = start("busy", "--max-flows", "2", "--max-profiles", "1", "--max-connectors", "1", "--max-running", "1", "--drain-timeout", "1s", setup=setup)
    big = server.bucket("shop") / "big"
    big.mkdir()
    row = "name of somebody, with a comma"
    (big / "0.csv").write_text("id,name\n" + "".join(f'{i},"{row}"\n' for i in range(400_000)))
    for i in range(1, 1000):
        os.link(big / "0.csv", big / f"{i}.csv")
    server.client().create_flow(**errors.BIG)
    return server


def run_on(server):
    """Sees to it that the long run has just begun, or goes on."""
    client = server.client()
    with contextlib.suppress(client.exceptions.ConflictException):
        client.start_flow(flowName="big")


def lose_tables(server):
    """Takes all tables away but those that authentication reads."""
    db = sqlite3.connect(server.folder / "data" / "weir.db", timeout=30, isolation_level=None)
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]
    for name in tables:
        if name not in ("access_keys", "settings", "goose_db_version", "leases", "lease_token"):
            db.execute(f'ALTER TABLE "{name}" RENAME TO "{name}_gone"')
    db.close()
