import os
import sys
import time
import urllib.request

count = 0


def lambda_handler(event, context):
    global count
    count += 1
    kind = event["type"]
    if kind == "echo":
        print("got", event["value"])
        return {"value": event["value"], "count": count, "pid": os.getpid(), "left": context.get_remaining_time_in_millis() > 0}
    if kind == "raise":
        raise ValueError("no such thing")
    if kind == "exit":
        os._exit(3)
    if kind == "odd":
        return {1, 2}
    if kind == "read":
        return sys.stdin.read()
    if kind == "sleep":
        print("sleeping")
        time.sleep(600)
    if kind == "secret":
        request = urllib.request.Request(os.environ["SECRETS"] + "/", data=b"{}", headers={"Host": "signed.example"})
        return urllib.request.urlopen(request).read().decode()
    if kind == "env":
        return os.environ["GREETING"]
