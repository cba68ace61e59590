const {
  ApiGatewayManagementApiClient,
  GetConnectionCommand,
  PostToConnectionCommand,
} = require("@aws-sdk/client-apigatewaymanagementapi");

exports.handler = async ({ requestContext: { connectionId: ConnectionId, domainName, stage } }) => {
  const client = new ApiGatewayManagementApiClient({ endpoint: `https://${domainName}/${stage}` });
  const { ConnectedAt, Identity } = await client.send(new GetConnectionCommand({ ConnectionId }));
  const Data = JSON.stringify({ ConnectedAt, Identity });
  await client.send(new PostToConnectionCommand({ ConnectionId, Data }));
  return { statusCode: 200 };
};
