/** AWS Signature Version 4, the server's side. */
export type {
  Credential,
  LookUpCredential,
  SignedRequest,
  VerifiedSignature,
  VerifyOptions,
} from './contract.ts';
export { verifySignature } from './verify.ts';
