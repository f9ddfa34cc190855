"""Runs the handler of a Lambda function: a JSON event a line on standard input, a JSON answer a line on standard output.

What the handler prints goes to standard error. It is called with one event at a time, in one process for many events,
as AWS does it.
"""
import importlib
import importlib.util
import json
import os
import sys
import time
import traceback
import uuid

events = os.fdopen(os.dup(0), "rb")
answers = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
null = os.open(os.devnull, os.O_RDONLY)
os.dup2(null, 0)
os.dup2(2, 1)
sys.stdout = os.fdopen(1, "w", encoding="utf-8", errors="replace", buffering=1)


class Context:
    function_name = memory_limit_in_mb = log_group_name = log_stream_name = "local"
    function_version = "$LATEST"
    identity = client_context = None

    def __init__(self):
        self.aws_request_id = str(uuid.uuid4())
        self.invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:local"
        self.end = time.monotonic() + 900

    def get_remaining_time_in_millis(self):
        return max(0, int((self.end - time.monotonic()) * 1000))


def failure(error):
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "stackTrace": traceback.format_tb(error.__traceback__)[-20:],
    }


def answer(document):
    answers.write(document + "\n")
    answers.flush()


def load(where, name):
    if not where.endswith(".py"):
        sys.path.insert(0, os.getcwd())
        return getattr(importlib.import_module(where), name)
    path = os.path.abspath(where)
    sys.path[:0] = [os.path.dirname(path), os.getcwd()]
    spec = importlib.util.spec_from_file_location(os.path.basename(path)[:-3], path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return getattr(module, name)


try:
    handler = load(sys.argv[1], sys.argv[2])
except Exception as error:
    traceback.print_exc()
    answer(json.dumps(failure(error)))
    sys.exit(1)
answer("{}")
for event in events:
    try:
        document = json.dumps(handler(json.loads(event), Context()))
    except Exception as error:
        document = json.dumps(failure(error))
    answer(document)
