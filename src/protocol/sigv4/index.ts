/** AWS Signature Version 4, the server's side. */
export type {
  Credential,
  LookUpCredential,
  RequestHead,
  VerifiedSignature,
  VerifyOptions,
} from './contract.ts';
export type { CheckedClaim } from './verify.ts';
export { checkClaim, verifyBody } from './verify.ts';
