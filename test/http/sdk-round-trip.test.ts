import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import * as sdk from '@aws-sdk/client-elasticache';
import type { ActionHandlers } from '../../src/http/contract.ts';
import { ServiceError } from '../../src/model/service-errors.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { inputSchema, outputSchema } from '../../src/protocol/query/actions.ts';
import { type ActionName, actionNames } from '../../src/protocol/query/index.ts';
import { type SampleOptions, sample } from '../protocol/shape-samples.ts';
import { account, key, type OpenFrontDoor, openFrontDoor } from './open-front-door.ts';

const kinds = ['full', 'bare', 'empty-lists'] as const;

/** Handlers for all actions that keep what they were given and answer what they are told. */
function mirror() {
  const seen: { input?: unknown } = {};
  const next: { output: object } = { output: {} };
  const handlers: ActionHandlers = Object.fromEntries(
    actionNames.map((action) => [
      action,
      async (input: object) => {
        seen.input = input;
        return next.output;
      },
    ]),
  );
  return { seen, next, handlers };
}

async function send(client: sdk.ElastiCacheClient, action: ActionName, input: unknown): Promise<object> {
  const Command = Reflect.get(sdk, `${action}Command`) as new (input: unknown) => sdk.DescribeEventsCommand;
  return client.send(new Command(input));
}

describe('every action, through the AWS SDK and back', () => {
  const { seen, next, handlers } = mirror();
  let open: OpenFrontDoor;
  before(async () => {
    open = await openFrontDoor({ actions: handlers });
  });
  after(() => open.close());

  it('covers the 75 actions of the API', () => assert.equal(actionNames.length, 75));

  for (const action of actionNames) {
    it(`${action} arrives as the SDK was given it and answers as the handler did`, async () => {
      const client = open.client();
      for (const kind of kinds) {
        const forInput: SampleOptions = { kind, number: 2_147_483_647 };
        const forOutput: SampleOptions = { kind, number: -12.25 };
        const input = sample(inputSchema(action), forInput);
        next.output = sample(outputSchema(action), forOutput) as object;
        const { $metadata, ...output } = (await send(
          client,
          action,
          input,
        )) as sdk.DescribeEventsCommandOutput;
        assert.deepEqual(seen.input, input, kind);
        assert.deepEqual(output, next.output, kind);
        assert.equal($metadata.httpStatusCode, 200);
        assert.match($metadata.requestId ?? '', /^[0-9a-f-]{36}$/);
      }
    });
  }
});

describe('errors, as the AWS SDK sees them', () => {
  it('arrive as the SDK’s own exception class, with message, status and request id', async (t) => {
    const open = await openFrontDoor({
      actions: {
        DescribeReplicationGroups: async ({ ReplicationGroupId }) => {
          throw new ServiceError(
            'ReplicationGroupNotFoundFault',
            `ReplicationGroup ${ReplicationGroupId} not found.`,
          );
        },
      },
    });
    t.after(() => open.close());
    const asked = open
      .client()
      .send(new sdk.DescribeReplicationGroupsCommand({ ReplicationGroupId: '<orders>' }));
    await assert.rejects(asked, (error) => {
      assert.ok(error instanceof sdk.ReplicationGroupNotFoundFault);
      assert.equal(error.message, 'ReplicationGroup <orders> not found.');
      assert.equal(error.$metadata.httpStatusCode, 404);
      assert.match(error.$metadata.requestId ?? '', /^[0-9a-f-]{36}$/);
      return true;
    });
  });

  it('say nothing of a defect but the request id, under which the log has its stack', async (t) => {
    const open = await openFrontDoor({
      actions: {
        DescribeEvents: async () => {
          throw new Error('cannot open /secret/path');
        },
      },
    });
    t.after(() => open.close());
    await assert.rejects(open.client().send(new sdk.DescribeEventsCommand({})), (error) => {
      assert.ok(error instanceof sdk.ElastiCacheServiceException);
      assert.deepEqual(
        [error.name, error.$metadata.httpStatusCode, error.$fault],
        ['InternalFailure', 500, 'server'],
      );
      assert.doesNotMatch(error.message, /secret/);
      const line = open.lines.find(({ level }) => level === 'error');
      assert.equal(line?.fields.requestId, error.$metadata.requestId);
      assert.match((line?.fields.error as Error | undefined)?.stack ?? '', /secret/);
      return true;
    });
  });

  it('name an action that is not built yet, and never pretend', async (t) => {
    const open = await openFrontDoor();
    t.after(() => open.close());
    await assert.rejects(open.client().send(new sdk.DescribeUsersCommand({})), {
      name: 'InvalidAction',
      message: 'Limber does not have DescribeUsers yet.',
    });
  });
});

describe('the context of a request', () => {
  it('has the account of the access key and the region of the signature', async (t) => {
    const contexts: object[] = [];
    const open = await openFrontDoor({
      actions: {
        DescribeEvents: async (_input, { account, region, accessKeyId, now }) => {
          contexts.push({
            account,
            region,
            accessKeyId,
            isNow: Math.abs(now.getTime() - Date.now()) < 60_000,
          });
          return {};
        },
      },
    });
    t.after(() => open.close());
    for (const region of ['us-east-1', 'us-gov-west-1']) {
      await open.client({ region }).send(new sdk.DescribeEventsCommand({}));
    }
    const { accessKeyId } = key;
    assert.deepEqual(contexts, [
      { account, region: 'us-east-1', accessKeyId, isNow: true },
      { account, region: 'us-gov-west-1', accessKeyId, isNow: true },
    ]);
  });

  it('is refused when the region cannot be one', async (t) => {
    const open = await openFrontDoor({ actions: { DescribeEvents: async () => ({}) } });
    t.after(() => open.close());
    for (const region of ['local', 'us-east', 'US-EAST-1', `us-${'a'.repeat(40)}-1`]) {
      await assert.rejects(open.client({ region }).send(new sdk.DescribeEventsCommand({})), {
        name: 'InvalidParameterValueException',
        message: /does not look like a region/,
      });
    }
  });

  it('tells a handler when the client has gone', async (t) => {
    const gone = Promise.withResolvers<void>();
    const started = Promise.withResolvers<void>();
    const open = await openFrontDoor({
      actions: {
        DescribeEvents: async (_input, { signal }) => {
          signal.addEventListener('abort', () => gone.resolve());
          started.resolve();
          await gone.promise;
          return {};
        },
      },
    });
    t.after(() => open.close());
    const abort = new AbortController();
    const asked = open.client().send(new sdk.DescribeEventsCommand({}), { abortSignal: abort.signal });
    await started.promise;
    abort.abort();
    await assert.rejects(asked, { name: 'AbortError' });
    await gone.promise;
  });

  it('lets an SDK whose clock is wrong correct itself by the answer and try again', async (t) => {
    const clock = { ...systemClock, now: () => Date.now() + 3_600_000 };
    const open = await openFrontDoor({ clock, actions: { DescribeEvents: async () => ({ Marker: 'm' }) } });
    t.after(() => open.close());
    const client = open.client({ maxAttempts: 2 });
    assert.equal((await client.send(new sdk.DescribeEventsCommand({}))).Marker, 'm');
  });
});
