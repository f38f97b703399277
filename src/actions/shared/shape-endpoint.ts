/** An endpoint as the API shows it. Pure. */
import type { Endpoint as ApiEndpoint } from '@aws-sdk/client-elasticache';
import type { Endpoint } from '../../model/node.ts';

/** The host by which an endpoint is shown: its DNS name where a zone is served, else its address. */
export function shapeEndpoint(
  endpoint: Endpoint | undefined,
  dnsZone: string | null,
): ApiEndpoint | undefined {
  if (!endpoint) return undefined;
  const { address, port, dnsName } = endpoint;
  return { Address: dnsZone === null ? address : `${dnsName}.${dnsZone}`, Port: port };
}
