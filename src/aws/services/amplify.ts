export {
  AmplifyClient as Client,
  GetAppCommand,
  GetBranchCommand,
  UpdateAppCommand,
  UpdateBranchCommand,
} from "@aws-sdk/client-amplify";
