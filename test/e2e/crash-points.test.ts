/** The table of crashes is whole: each fault point of the sources has a row, or says why it has none. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { crashTable } from '../chaos/crash-table.ts';

const root = new URL('../../', import.meta.url);
const sources = (readdirSync(new URL('src/', root), { recursive: true }) as string[])
  .filter((file) => file.endsWith('.ts'))
  .map((file) => readFileSync(new URL(`src/${file}`, root), 'utf8'));

/** Those that no row of the table reaches, and what does. */
const elsewhere: Readonly<Record<string, string>> = {
  'claim-slots:owned': 'needs a directory that is wiped; test/e2e/cluster-slots.test.ts dies there',
  'calm-clients:done': 'needs a client in the way; test/e2e/hostile-clients.test.ts dies there',
  'certificate:written': 'a round, not an operation; test/e2e/tls-certificates.test.ts dies there',
  'certificate:loaded': 'as before',
  'log-delivery:delivered': 'a round, not an operation; test/e2e/log-delivery.test.ts dies there',
  'remove-members:marking': 'needs a member that is needed after all; the same place as remove-members:begun',
  'test-failover:choosing':
    'another node leads before anybody was killed: the same place as test-failover:begun',
  'found:target-set': 'the engine’s own failover while Limber is away; the record alone is the deed',
  'create-from-primary:returning': 'needs a group that cannot be placed around a node that serves',
  'create-from-primary:returning:acted': 'as before',
  'create-from-primary:failed': 'as before',
  'test-failover:failed': 'the record is the deed: nothing was begun',
  'promote-member:failed': 'the record is the deed: nothing is under way any more',
  'promote-member:setting-target':
    'the second round of a switchover that failed: the same place as promote-member:begun',
};

/** Written out in the sources. */
const named = sources.flatMap((text) =>
  [...text.matchAll(/faultPoint\('([^']+)'\)/g)].map(([, name]) => name!),
);

/** Of operations: `<kind>:begun`, `<kind>:<step>`, `<kind>:<step>:acted`, `<kind>:finished|failed`. */
const ofOperations = sources.flatMap((text) => {
  const kind = /queuedAs\('([\w-]+)'\)/.exec(text)?.[1];
  if (!kind || !text.includes('OperationKind<')) return [];
  const steps = [...text.matchAll(/\bgo\(\s*\{ (?:\.\.\.state, )?step: '([\w-]+)'/g)].map(
    ([, step]) => step!,
  );
  return [`${kind}:begun`, ...steps.map((step) => `${kind}:${step}`)];
});

const reached = new Set(
  crashTable.flatMap(({ point, again }) => [point, again ?? point]).map((point) => point.split('@')[0]!),
);
const documented = readFileSync(new URL('docs/crash-safety.md', root), 'utf8');

describe('the table of crashes', () => {
  it('has a row for each fault point that the sources name', () => {
    assert.ok(named.length > 30, 'fault points are not written as they were');
    assert.deepEqual(
      [...new Set([...named, ...ofOperations])].filter((name) => !reached.has(name) && !(name in elsewhere)),
      [],
    );
  });

  it('names no fault point that is none', () => {
    const isOperation = (name: string) => /^[\w-]+:([\w-]+(:acted)?)$/.test(name);
    const known = new Set([...named, 'switchover:target-set', 'failover:target-set', 'found:target-set']);
    const kinds = new Set(ofOperations.map((name) => name.split(':')[0]!));
    const unknown = [...reached].filter(
      (name) => !known.has(name) && !(isOperation(name) && kinds.has(name.split(':')[0]!)),
    );
    assert.deepEqual(unknown, []);
  });

  it('agrees with docs/crash-safety.md, which tells each of them', () => {
    const missing = [...new Set([...named, ...reached])].filter(
      (name) => !documented.includes(`\`${name}\``),
    );
    assert.deepEqual(missing, []);
  });
});
