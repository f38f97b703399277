import { ElastiCacheClient } from '@aws-sdk/client-elasticache';

/**
 * A client of the ElastiCache API, configured by the standard environment alone (`AWS_ENDPOINT_URL_ELASTICACHE`,
 * `AWS_REGION`, keys), so that the same code talks to Limber and to AWS. Says which of them it is.
 */
export async function openElastiCache(): Promise<ElastiCacheClient> {
  const client = new ElastiCacheClient();
  try {
    const region = await client.config.region();
    console.log(`ElastiCache API: ${process.env.AWS_ENDPOINT_URL_ELASTICACHE ?? `AWS, ${region}`}`);
    return client;
  } catch (cause) {
    throw new Error('set the variables that `bin/limber env` prints, or those of your AWS account', {
      cause,
    });
  }
}

/**
 * For the SDK's waiters, in seconds. They ask every 15 s by default: AWS takes some minutes for a cache, Limber less
 * than a second.
 */
export const patience = { minDelay: 1, maxDelay: 15, maxWaitTime: 900 };
