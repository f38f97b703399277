/** One change of a commit. Throws `StaleWrite` when what it relies on does not hold any more. */
import type { Change } from '../contract.ts';
import { putAccessKey, putSecret, removeSecrets } from './credentials.ts';
import type { Database } from './database.ts';
import { putEndpoint, removeEndpoint } from './endpoints.ts';
import { addEvent } from './events.ts';
import { putNode, putNodeGroup, removeNode, removeNodeGroup, requireNode } from './nodes.ts';
import { putOperation } from './operations.ts';
import { putResource, removeResource, requireNoReferrers, requireResource } from './resources.ts';
import { putSetting } from './settings.ts';

/** To be called inside a transaction, which the caller rolls back when this throws. */
export function applyChange(database: Database, change: Change): void {
  if ('put' in change) applyPut(database, change);
  else if ('remove' in change) applyRemove(database, change);
  else if ('add' in change) addEvent(database, change.row);
  else checkRequirement(database, change);
}

function checkRequirement(database: Database, change: Extract<Change, { require: string }>): void {
  switch (change.require) {
    case 'resource':
      requireResource(database, change.key);
      break;
    case 'no-referrers':
      requireNoReferrers(database, change.key);
      break;
    case 'node':
      requireNode(database, change);
      break;
    default:
      change satisfies never;
      throw new Error(`no such change: require ${(change as { require: string }).require}`);
  }
}

function applyPut(database: Database, change: Extract<Change, { put: string }>): void {
  switch (change.put) {
    case 'resource':
      putResource(database, change.row);
      break;
    case 'node':
      putNode(database, change.row);
      break;
    case 'node-group':
      putNodeGroup(database, change.row);
      break;
    case 'endpoint':
      putEndpoint(database, change.row);
      break;
    case 'operation':
      putOperation(database, change.row);
      break;
    case 'secret':
      putSecret(database, change);
      break;
    case 'access-key':
      putAccessKey(database, change.row);
      break;
    case 'setting':
      putSetting(database, change.row);
      break;
    default:
      change satisfies never;
      throw new Error(`no such change: put ${(change as { put: string }).put}`);
  }
}

function applyRemove(database: Database, change: Extract<Change, { remove: string }>): void {
  switch (change.remove) {
    case 'resource':
      removeResource(database, change);
      break;
    case 'node':
      removeNode(database, change.incarnation);
      break;
    case 'node-group':
      removeNodeGroup(database, change);
      break;
    case 'endpoint':
      removeEndpoint(database, change);
      break;
    case 'secrets':
      removeSecrets(database, change.owner);
      break;
    default:
      change satisfies never;
      throw new Error(`no such change: remove ${(change as { remove: string }).remove}`);
  }
}
