/** Finds out who asks, and for which region. Before that nothing about an action is looked at, let alone answered. */
import { ServiceError } from '../model/service-errors.ts';
import { checkClaim, verifyBody } from '../protocol/sigv4/index.ts';
import type { RequestContext } from './contract.ts';
import type { Exchange, FrontDoorSettings } from './exchange.ts';
import { readBody } from './request-body.ts';

/** `us-east-1`, `us-gov-west-1`: it becomes part of ARNs and names. */
const regionForm = /^[a-z]{2}(-[a-z]+)+-\d$/;
const regionLengthMax = 32;

interface SignedBody {
  readonly body: Buffer;
  readonly context: RequestContext;
}

/**
 * The request's body and who signed it, with a place among the requests in work. The body is read only when the head
 * claims a key of this server. Throws as `checkClaim`, `readBody`, `verifyBody` and `enter` do, and InvalidParameterValue
 * for a region that cannot be one.
 */
export async function authenticate(
  settings: FrontDoorSettings,
  exchange: Exchange,
  service: string,
): Promise<SignedBody> {
  const { request, response, requestId, now, abort } = exchange;
  const { method = '', url = '', rawHeaders } = request;
  const claim = await checkClaim(
    { method, target: url, rawHeaders },
    { lookUpCredential: settings.lookUpCredential, services: [service], now: now.getTime() },
  );
  const body = await readBody(response, settings.limits.bodyBytesMax, settings.bodies);
  const { account, region, accessKeyId } = verifyBody(claim, body);
  settings.enter(exchange);
  if (region.length > regionLengthMax || !regionForm.test(region)) {
    throw new ServiceError(
      'InvalidParameterValue',
      `The request is signed for the region "${region.slice(0, regionLengthMax)}", which does not look like a region. Use one such as us-east-1.`,
    );
  }
  return { body, context: { account, region, accessKeyId, requestId, now, signal: abort.signal } };
}
