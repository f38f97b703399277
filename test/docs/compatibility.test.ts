import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { families, limits } from '../../scripts/compatibility-notes.ts';
import { builtActions, compatibilityPage, refusedParameters } from '../../scripts/generate-compatibility.ts';
import { actionNames } from '../../src/protocol/query/index.ts';

describe('docs/compatibility.md', () => {
  it('is what the table of handlers gives', () => {
    const page = readFileSync(new URL('../../docs/compatibility.md', import.meta.url), 'utf8');
    assert.equal(page, compatibilityPage(), 'run: node_modules/.bin/node scripts/generate-compatibility.ts');
  });

  it('lists every action of the SDK once', () => {
    assert.deepEqual(families.flatMap(({ actions }) => actions).toSorted(), actionNames);
    assert.equal(actionNames.length, 75);
  });

  it('says limits only of actions that are built', () => {
    assert.deepEqual(
      Object.keys(limits).filter((action) => !builtActions.has(action)),
      [],
    );
  });

  it('takes what is refused from the files that refuse it', () => {
    const source =
      "const notBuilt = [\n  'AuthToken',\n];\nrefuseNotYet(input, ['FinalSnapshotIdentifier']);";
    assert.deepEqual(refusedParameters(source), ['AuthToken', 'FinalSnapshotIdentifier']);
  });
});
