/** Every kind of operation that can be queued, with its work: a kind without work does not compile. */
import type { OperationInput, OperationKindName } from '../model/operation-input.ts';
import { addMembersKind } from './add-members.ts';
import { applyParametersKind } from './apply-parameters.ts';
import { createCacheKind } from './create-cache.ts';
import { createFromPrimaryKind } from './create-from-primary.ts';
import { deleteCacheKind } from './delete-cache.ts';
import type { AnyOperationKind, OperationKind } from './operation-kind.ts';
import { promoteMemberKind } from './promote-member.ts';
import { rebootNodesKind } from './reboot-nodes.ts';
import { removeMembersKind } from './remove-members.ts';
import { resizeMemcachedKind } from './resize-memcached.ts';
import { testFailoverKind } from './test-failover.ts';
import type { Tools } from './tools.ts';

export function createOperationKinds(tools: Tools): readonly AnyOperationKind[] {
  // biome-ignore lint/suspicious/noExplicitAny: states and acts are each kind's own affair
  const kinds: { readonly [K in OperationKindName]: OperationKind<OperationInput<K>, any, any, any> } = {
    'add-members': addMembersKind(tools),
    'apply-parameters': applyParametersKind(tools),
    'create-cache': createCacheKind(tools),
    'create-from-primary': createFromPrimaryKind(tools),
    'delete-cache': deleteCacheKind(tools),
    'promote-member': promoteMemberKind(tools),
    'reboot-nodes': rebootNodesKind(tools),
    'remove-members': removeMembersKind(tools),
    'resize-memcached': resizeMemcachedKind(tools),
    'test-failover': testFailoverKind(tools),
  };
  return Object.values(kinds);
}
