"""Reads the last hour of a log group with boto3 and prints its lines: `history.py URL GROUP [PATTERN]`.

What it takes of memory at most goes to the error output, in kilobytes.
"""

import resource
import sys
import time

import boto3

url, group, *pattern = sys.argv[1:]
logs = boto3.client(
    "logs",
    endpoint_url=url,
    region_name="us-east-1",
    aws_access_key_id="local",
    aws_secret_access_key="local",
)
asked = {"logGroupName": group, "startTime": int((time.time() - 3600) * 1000)}
if pattern:
    asked["filterPattern"] = pattern[0]
for page in logs.get_paginator("filter_log_events").paginate(**asked):
    for event in page["events"]:
        sys.stdout.write(event["message"])
sys.stderr.write(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}\n")
