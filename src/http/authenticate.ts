/** Who asks, and for which region. Nothing about an action is looked at, let alone told, before this. */
import { ServiceError } from '../model/service-errors.ts';
import { verifySignature } from '../protocol/sigv4/index.ts';
import type { RequestContext } from './contract.ts';
import type { Exchange, FrontDoorSettings } from './exchange.ts';

/** `us-east-1`, `us-gov-west-1`: it becomes part of ARNs and names. */
const regionForm = /^[a-z]{2}(-[a-z]+)+-\d$/;
const regionLengthMax = 32;

/** Throws as `verifySignature` does, and InvalidParameterValue for a region that cannot be one. */
export async function authenticate(
  settings: FrontDoorSettings,
  exchange: Exchange,
  body: Uint8Array,
  service: string,
): Promise<RequestContext> {
  const { request, requestId, now, abort } = exchange;
  const { method = '', url = '', rawHeaders } = request;
  const signer = await verifySignature(
    { method, target: url, rawHeaders, body },
    { lookUpCredential: settings.lookUpCredential, services: [service], now: now.getTime() },
  );
  if (signer.region.length > regionLengthMax || !regionForm.test(signer.region)) {
    throw new ServiceError(
      'InvalidParameterValue',
      `The request is signed for the region "${signer.region.slice(0, regionLengthMax)}", which does not look like a region. Use one such as us-east-1.`,
    );
  }
  const { account, region, accessKeyId } = signer;
  return { account, region, accessKeyId, requestId, now, signal: abort.signal };
}
