"""One function for all routes, which pushes as boto3 does: to all but the sender."""

import json
import os

import boto3

table = boto3.resource("dynamodb").Table(os.environ["table_name"])


def post(context: dict, body: dict) -> None:
    url = f"https://{context['domainName']}/{context['stage']}"
    client = boto3.client("apigatewaymanagementapi", endpoint_url=url)
    sender = table.get_item(Key={"connection_id": context["connectionId"]})["Item"]
    data = f"{sender['user_name']}: {body['msg']}".encode()
    found = table.scan(ProjectionExpression="connection_id")["Items"]
    for other in (item["connection_id"] for item in found):
        if other == context["connectionId"]:
            continue
        try:
            client.post_to_connection(ConnectionId=other, Data=data)
        except client.exceptions.GoneException:
            table.delete_item(Key={"connection_id": other})


def lambda_handler(event: dict, _context: object) -> dict:
    context = event["requestContext"]
    key = {"connection_id": context["connectionId"]}
    if context["routeKey"] == "$connect":
        table.put_item(Item={**key, "user_name": event["queryStringParameters"]["name"]})
    elif context["routeKey"] == "$disconnect":
        table.delete_item(Key=key)
    else:
        post(context, json.loads(event["body"]))
    return {"statusCode": 200}
