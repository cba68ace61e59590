import { AwsError } from "../../aws-error.ts";

export const notFound = (message: string): AwsError => new AwsError("NotFoundException", message);
export const badRequest = (message: string): AwsError => new AwsError("BadRequestException", message);
export const conflict = (message: string): AwsError => new AwsError("ConflictException", message);
/** API Gateway's answer to a caller that is too fast; its text is unverified (AWS.md 3.9). */
export const tooManyRequests = (): AwsError => new AwsError("TooManyRequestsException", "Too Many Requests");
