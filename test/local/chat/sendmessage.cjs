const {
  ApiGatewayManagementApiClient,
  GoneException,
  PostToConnectionCommand,
} = require("@aws-sdk/client-apigatewaymanagementapi");
const { DynamoDBClient } = require("@aws-sdk/client-dynamodb");
const { DeleteCommand, DynamoDBDocumentClient, ScanCommand } = require("@aws-sdk/lib-dynamodb");

const table = DynamoDBDocumentClient.from(new DynamoDBClient({}));
const { TABLE_NAME: TableName } = process.env;

exports.handler = async ({ requestContext: { connectionId: sender, domainName, stage }, body }) => {
  const client = new ApiGatewayManagementApiClient({ endpoint: `https://${domainName}/${stage}` });
  const { message: Data } = JSON.parse(body);
  const send = async (ConnectionId) => {
    try {
      await client.send(new PostToConnectionCommand({ ConnectionId, Data }));
    } catch (error) {
      if (!(error instanceof GoneException)) throw error;
      await table.send(new DeleteCommand({ TableName, Key: { connectionId: ConnectionId } }));
    }
  };
  const { Items } = await table.send(new ScanCommand({ TableName, ProjectionExpression: "connectionId" }));
  const others = Items.map(({ connectionId }) => connectionId).filter((id) => id !== sender);
  await Promise.all(others.map(send));
  return { statusCode: 200 };
};
