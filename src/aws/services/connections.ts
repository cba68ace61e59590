export { ApiGatewayManagementApiClient } from "@aws-sdk/client-apigatewaymanagementapi";
