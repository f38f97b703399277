/** The input of each kind of operation. It stands in one table, so that who queues an operation and who runs it cannot differ. */
import {
  type Decoded,
  type Decoder,
  fields,
  flag,
  listOf,
  oneOf,
  orElse,
  text,
  wholeNumber,
} from './decode.ts';

/** Which cache an operation works on; a part of every operation's input. */
const operatedCache = fields({
  cacheKind: oneOf('replication-group', 'cache-cluster'),
  cacheId: text,
  cacheIncarnation: text,
});

/** How many replicas a node group has before and after. */
const replicaCountChange = fields({ nodeGroupId: text, from: wholeNumber, to: wholeNumber });

const inputs = {
  /** `members`: cache cluster ids. */
  'add-members': fields({ members: listOf(text), growth: listOf(replicaCountChange) }),
  /** `modifies`: the cache is `modifying` until this ends. */
  'apply-parameters': fields({ modifies: orElse(flag, false) }),
  /** `zones`: of each node of a Memcached cluster; empty for all others, whose members say theirs. */
  'create-cache': fields({ zones: orElse(listOf(text), []) }),
  /** `primary`: the cluster whose node is to lead. */
  'create-from-primary': fields({ primary: fields({ clusterId: text, clusterIncarnation: text }) }),
  /** `retainPrimary`: the primary of a group without cluster mode lives on as a cluster of its own. */
  'delete-cache': fields({ retainPrimary: orElse(flag, false) }),
  /** `clusterId`: the member that is to lead. */
  'promote-member': fields({ clusterId: text }),
  /** `clusterId`: the member or cluster. */
  'reboot-nodes': fields({ clusterId: text, cacheNodeIds: listOf(text) }),
  /** `members`: cache cluster ids; `shrink` is empty when a member was deleted by its name. */
  'remove-members': fields({ members: listOf(text), shrink: orElse(listOf(replicaCountChange), []) }),
  /** `from`: how many nodes there were; `remove`: cache node ids. */
  'resize-memcached': fields({
    from: wholeNumber,
    add: listOf(fields({ cacheNodeId: text, availabilityZone: text })),
    remove: listOf(text),
  }),
  'test-failover': fields({ nodeGroupId: text }),
} as const satisfies Readonly<Record<string, Decoder<object>>>;

export type OperationKindName = keyof typeof inputs;
export type OperatedCache = Decoded<typeof operatedCache>;
/** The input of a kind, without the cache that it works on. */
export type OperationOrder<K extends OperationKindName> = Decoded<(typeof inputs)[K]>;
export type OperationInput<K extends OperationKindName> = OperatedCache & OperationOrder<K>;

/** Throws a `TypeError` that names the member when a row holds something else: a newer version may have written it. */
export function decodeOperationInput<K extends OperationKindName>(
  kind: K,
  input: unknown,
): OperationInput<K> {
  const order = (inputs[kind] as Decoder<OperationOrder<K>>)(input, '');
  return { ...operatedCache(input, ''), ...order };
}

/** The cache that an operation works on, also one of a kind that this version does not know; null when its input names none. */
export function operatedCacheOf(input: unknown): OperatedCache | null {
  try {
    return operatedCache(input, '');
  } catch {
    return null;
  }
}
