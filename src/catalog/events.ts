/**
 * Events: what happened to a resource, in AWS's own words where it has some (data/events.json; a test compares them).
 * Events of ours have ids that begin with `Limber:`. Each function gives what is said; whose event it is, and when,
 * the caller adds.
 */
import type { EventSourceType } from '../model/event.ts';

export interface EventText {
  readonly eventId: string;
  readonly sourceType: EventSourceType;
  readonly message: string;
}

/** Events that a cache cluster and a replication group both have. */
export type CacheSource = 'cache-cluster' | 'replication-group';

// Creation and deletion

export const clusterCreated = (): EventText =>
  ofCluster('ElastiCache:CacheClusterProvisioningComplete', 'Cache cluster created');

/** AWS documents only a network reason; ours is whatever it was, the engine's last words among it. */
export const clusterCreationFailed = (reason: string): EventText =>
  ofCluster('ElastiCache:CacheClusterProvisioningFailed', `Failed to create the cache cluster. ${reason}`);

export const clusterDeleted = (): EventText =>
  ofCluster('ElastiCache:DeleteCacheClusterComplete', 'Cache cluster deleted');

export const replicationGroupCreated = (id: string): EventText =>
  ofGroup('ElastiCache:CreateReplicationGroupComplete', `Replication group ${id} created`);

/** Not in AWS's public list. */
export const replicationGroupCreationFailed = (id: string, reason: string): EventText =>
  ofGroup(
    'ElastiCache:CreateReplicationGroupFailed',
    `Failed to create the replication group ${id}. ${reason}`,
  );

/** The cache is as it was before. */
export const deletionGivenUp = (sourceType: CacheSource, reason: string): EventText =>
  of(sourceType, 'Limber:DeletionGivenUp', `The deletion was given up: ${reason}`);

/** A creation from a primary failed when another member held the data already: the single cluster of before cannot be given back. */
export const replicationGroupKept = (primaryClusterId: string, reason: string): EventText =>
  ofGroup(
    'Limber:ReplicationGroupKept',
    `The group could not be made as it was asked for (${reason}), nor ${primaryClusterId} be given back: another member holds the data, and the group stays`,
  );

export const replicationGroupDeleted = (id: string): EventText =>
  ofGroup('ElastiCache:DeleteReplicationGroupComplete', `Replication group ${id} deleted`);

// Nodes

export const cacheNodeAdded = (cacheNodeId: string, zone: string): EventText =>
  ofCluster(
    'ElastiCache:AddCacheNodeComplete',
    `Added cache node ${cacheNodeId} in availability zone ${zone}`,
  );

export const nodeCountChanged = (from: number, to: number): EventText =>
  ofCluster('ElastiCache:AddCacheNodeComplete', `Finished modifying number of nodes from ${from} to ${to}`);

/** AWS documents only one reason: `insufficient free IP addresses`. */
export const nodeCountChangeFailed = (from: number, to: number, reason: string): EventText =>
  ofCluster(
    'ElastiCache:AddCacheNodeFailed',
    `Failed to modify number of nodes from ${from} to ${to} due to ${reason}`,
  );

export const cacheNodesRemoved = (cacheNodeIds: readonly string[]): EventText =>
  ofCluster('ElastiCache:RemoveCacheNodeComplete', `Removed cache nodes ${list(cacheNodeIds)}`);

export const cacheNodeShutdown = (cacheNodeId: string): EventText =>
  ofCluster('ElastiCache:CacheNodesRebooted', `Cache node ${cacheNodeId} shutdown`);

export const cacheNodeRestarted = (cacheNodeId: string): EventText =>
  ofCluster('ElastiCache:CacheNodesRebooted', `Cache node ${cacheNodeId} restarted`);

export const recoveringNodes = (cacheNodeIds: readonly string[]): EventText =>
  ofCluster('ElastiCache:CacheNodeReplaceStarted', `Recovering cache nodes ${list(cacheNodeIds)}`);

export const nodesRecovered = (cacheNodeIds: readonly string[]): EventText =>
  ofCluster(
    'ElastiCache:CacheNodeReplaceComplete',
    `Finished recovery for cache nodes ${list(cacheNodeIds)}`,
  );

export const replicaCountIncreasing = (nodeGroupId: string, from: number, to: number): EventText =>
  ofGroup(
    'ElastiCache:ReplicationGroupIncreaseReplicaCountStarted', // the text is ours
    `Increasing the replicas of node group ${nodeGroupId} from ${from} to ${to}`,
  );

export const replicaCountIncreased = (nodeGroupId: string, to: number): EventText =>
  ofGroup(
    'ElastiCache:ReplicationGroupIncreaseReplicaCountFinished', // the text is ours
    `Node group ${nodeGroupId} has ${to} replicas`,
  );

/** AWS documents no event for fewer replicas. */
export const replicaCountDecreasing = (nodeGroupId: string, from: number, to: number): EventText =>
  ofGroup(
    'Limber:DecreaseReplicaCountStarted',
    `Decreasing the replicas of node group ${nodeGroupId} from ${from} to ${to}`,
  );

export const replicaCountDecreased = (nodeGroupId: string, to: number): EventText =>
  ofGroup('Limber:DecreaseReplicaCountFinished', `Node group ${nodeGroupId} has ${to} replicas`);

/** The group is as it was before. */
export const replicaCountChangeFailed = (reason: string): EventText =>
  ofGroup('Limber:ReplicaCountChangeFailed', `The number of replicas was not changed: ${reason}`);

/** Members that were to be removed stay: within the time that is waited for it, nobody else was known to hold the data, or could lead. */
export const membersNotRemoved = (members: readonly string[], reason: string): EventText =>
  ofGroup('Limber:MembersNotRemoved', `Not removed: ${list(members)} (${reason})`);

/** The member that was counted on to keep the data is gone: the one that was to be removed stays, for now at least. */
export const removalPutOff = (cacheClusterId: string): EventText =>
  ofCluster(
    'Limber:RemovalPutOff',
    `${cacheClusterId} was to be removed and stays for now: no other member is known to hold the data any more`,
  );

// Failover

export const testFailoverCalled = (nodeGroupId: string): EventText =>
  ofGroup('ElastiCache:TestFailover', `Test Failover API called for node group ${nodeGroupId}`);

/** Said of the cluster first, then of its group. */
export const failoverCompleted = (sourceType: CacheSource, from: string, to: string): EventText =>
  of(
    sourceType,
    'ElastiCache:FailoverComplete',
    `Failover from primary node ${from} to replica node ${to} completed`,
  );

export const testFailoverNotDone = (nodeGroupId: string, reason: string): EventText =>
  ofGroup(
    'Limber:TestFailoverNotDone',
    `The test failover of node group ${nodeGroupId} was not done: ${reason}`,
  );

/** The test failover killed the primary, and no replica has taken over within the time that is waited for that. */
export const testFailoverUnfinished = (nodeGroupId: string, reason: string): EventText =>
  ofGroup(
    'Limber:TestFailoverUnfinished',
    `The test failover of node group ${nodeGroupId} is not watched any longer: ${reason}`,
  );

/** The same node leads as before. */
export const promotionFailed = (cacheClusterId: string, reason: string): EventText =>
  ofGroup('Limber:PromotionFailed', `${cacheClusterId} was not made the primary: ${reason}`);

// Changes

export const parameterUpdated = (name: string, value: string): EventText =>
  ofCluster('ElastiCache:CacheClusterParametersChanged', `Updated parameter ${name} to ${value}`);

export const parameterGroupApplied = (parameterGroupName: string): EventText =>
  ofCluster(
    'ElastiCache:CacheClusterParametersChanged',
    `Updated to use a CacheParameterGroup ${parameterGroupName}`,
  );

// Ours: what a self-hosted service has to say beyond AWS's list

/** `note` is the sentence that the catalogue or the engine store gave (DESIGN rule 7). */
export const engineSubstituted = (sourceType: CacheSource, note: string): EventText =>
  of(sourceType, 'Limber:EngineSubstituted', note);

/** The nodes may use more than there is; allowed, since few caches are ever full. Bytes. */
export const memoryBeyondMachine = (sourceType: CacheSource, limit: number, machine: number): EventText =>
  of(
    sourceType,
    'Limber:MemoryBeyondMachine',
    `Each node may use ${gibibytes(limit)} of data, and this machine has ${gibibytes(machine)} of memory`,
  );

export const parameterNotApplied = (sourceType: CacheSource, name: string, reason: string): EventText =>
  of(sourceType, 'Limber:ParameterNotApplied', `The parameter ${name} is kept but not applied: ${reason}`);

/** Said of a Memcached cache that is made without names. */
export const discoveryNeedsNames = (): EventText =>
  ofCluster(
    'Limber:DiscoveryNeedsNames',
    "AWS's Memcached clients (Java, PHP, .NET) discover nodes only at a name that contains .cfg.; at an address they use one node and say nothing. Start Limber with --dns ZONE, or choose the dynamic mode in the client (Java, PHP)",
  );

/** A client changed a node's memory limit by `cache_memlimit`, which Memcached cannot forbid. Megabytes. */
export const memoryLimitSetBack = (
  cacheNodeId: string,
  change: { readonly from: number; readonly to: number },
): EventText =>
  ofCluster(
    'Limber:MemoryLimitSetBack',
    `A client had set the memory limit of cache node ${cacheNodeId} to ${change.from} MB (cache_memlimit). It is ${change.to} MB again`,
  );

/** A restart that was asked for is not waited for any longer. */
export const rebootGivenUp = (sourceType: CacheSource, clusterId: string, reason: string): EventText =>
  of(sourceType, 'Limber:RebootGivenUp', `The reboot of ${clusterId} was given up: ${reason}`);

export const nodeDied = (cacheClusterId: string, cacheNodeId: string, how: string): EventText =>
  ofCluster('Limber:NodeDied', `Cache node ${cacheNodeId} of ${cacheClusterId} died: ${how}`);

/** `reason`: the destination's. What the nodes still hold is delivered when it works again. */
export const logDeliveryFailed = (sourceType: CacheSource, logType: string, reason: string): EventText =>
  of(
    sourceType,
    'Limber:LogDeliveryFailed',
    `The ${logType} is not delivered, and this is tried again: ${reason}`,
  );

export const logDeliveryWorks = (sourceType: CacheSource, logType: string): EventText =>
  of(sourceType, 'Limber:LogDeliveryWorks', `The ${logType} is delivered again`);

/** Every copy was gone and nothing had been persisted (DESIGN rule 4). */
export const rebuiltEmpty = (nodeGroupId: string): EventText =>
  ofGroup(
    'Limber:RebuiltEmpty',
    `All nodes of node group ${nodeGroupId} were lost; it was rebuilt empty under the same names`,
  );

/** The primary and its data are lost, and no copy is newer than this one: what the primary acknowledged since is lost. */
export const olderCopyLeads = (cacheClusterId: string): EventText =>
  ofCluster(
    'Limber:OlderCopyLeads',
    `The primary was lost with its data while ${cacheClusterId} was being filled anew: it leads with what it held before`,
  );

/** A replica that was cut off or could not keep up was the best that was left. `amount`: of the writes that it lacks. */
export const laggingCopyLeads = (cacheClusterId: string, before: string, amount: string): EventText =>
  ofGroup(
    'Limber:LaggingCopyLeads',
    `${cacheClusterId} was the best copy left, and lacks what ${before} wrote last: ${amount}`,
  );

/** The data of a node group are in one place only. `sentence`: what its worker waits for. */
export const noHealthyReplica = (nodeGroupId: string, sentence: string): EventText =>
  ofGroup(
    'Limber:NoHealthyReplica',
    `Node group ${nodeGroupId} has no healthy replica: should its primary fail now, nobody could take over. ${sentence}`,
  );

export const healthyReplicaAgain = (nodeGroupId: string): EventText =>
  ofGroup('Limber:HealthyReplicaAgain', `Node group ${nodeGroupId} has a healthy replica again`);

/** ROTATE on a group without a token adds one and closes nothing, on ElastiCache too. */
export const passwordlessAccess = (groupId: string): EventText =>
  ofGroup(
    'Limber:PasswordlessAccess',
    `${groupId} has its first AUTH token by ROTATE, and clients without a password are still let in; AuthTokenUpdateStrategy SET with the same AuthToken ends that`,
  );

/** Limber has been started where it cannot see the process, in a container for instance. */
export const processNotSeen = (cacheClusterId: string, cacheNodeId: string, where: string): EventText =>
  ofCluster(
    'Limber:ProcessNotSeen',
    `Cache node ${cacheNodeId} of ${cacheClusterId} answers at ${where}, and Limber does not see its process: it runs in another PID namespace. It is left alone, and nobody takes its place as long as it answers`,
  );

/** No node can serve an endpoint, since somebody else holds its address. `why`: who, a sentence without full stop. */
export const endpointOccupied = (sourceType: CacheSource, purpose: string, why: string): EventText =>
  of(
    sourceType,
    'Limber:EndpointOccupied',
    `The ${purpose} endpoint is not served: ${why}. It is served as soon as the address is free`,
  );

export const endpointServedAgain = (sourceType: CacheSource, purpose: string, where: string): EventText =>
  of(sourceType, 'Limber:EndpointServedAgain', `The ${purpose} endpoint ${where} is served again`);

/** Somebody had deleted or moved the directory while the node ran. `keepsData`: the node writes its data to disk. */
export const directoryMadeAgain = (cacheClusterId: string, keepsData: boolean): EventText =>
  ofCluster(
    'Limber:DirectoryMadeAgain',
    `The directory of ${cacheClusterId} was gone while its node ran, and was made again` +
      (keepsData ? '; what the node holds is written to it anew' : ''),
  );

export const directoryGone = (cacheClusterId: string, reason: string): EventText =>
  ofCluster(
    'Limber:DirectoryGone',
    `The directory of ${cacheClusterId} is gone while its node runs, and cannot be made again: ${reason}`,
  );

/** Somebody had deleted or damaged the append-only file while the node ran. */
export const filesWrittenAgain = (cacheClusterId: string): EventText =>
  ofCluster(
    'Limber:FilesWrittenAgain',
    `The append-only file of ${cacheClusterId} was gone or damaged while its node ran; it is written anew from what the node holds`,
  );

/** Bad or stale files were moved, never deleted. */
export const filesSetAside = (cacheClusterId: string, directory: string, reason: string): EventText =>
  ofCluster(
    'Limber:FilesSetAside',
    `The files of ${cacheClusterId} were set aside in ${directory}: ${reason}`,
  );

/** A defect of ours: the cache can be used and changed again. `what`: the operation, as the subject of a sentence. */
export const operationGivenUp = (sourceType: CacheSource, what: string, reason: string): EventText =>
  of(
    sourceType,
    'Limber:OperationGivenUp',
    `${what} was given up, because Limber could not judge what it found: ${reason}. What was done stays; no data was touched`,
  );

/** A defect of ours in an operation that has nothing to go back to: it is tried again. */
export const operationStuck = (sourceType: CacheSource, what: string, reason: string): EventText =>
  of(
    sourceType,
    'Limber:OperationStuck',
    `${what} cannot go on, because Limber could not judge what it found: ${reason}. It is tried again every minute`,
  );

/** The engine cuts a write that a crash left unfinished; `aside`: where its bytes are, null when they could not be kept. */
export const unfinishedWriteCut = (cacheClusterId: string, bytes: number, aside: string | null): EventText =>
  ofCluster(
    'Limber:UnfinishedWriteCut',
    `The append-only file of ${cacheClusterId} ends in an unfinished write, of which the engine cuts off ${bytes} bytes; ` +
      (aside === null ? 'they could not be kept' : `they were kept in ${aside}`),
  );

/** Cluster mode: a primary came back without its nodes.conf, with a new id and without slots. */
export const slotsReassigned = (nodeGroupId: string, cacheClusterId: string, slots: string): EventText =>
  ofGroup(
    'Limber:SlotsReassigned',
    `${cacheClusterId} came back unknown to the cluster: it was introduced again and given the slots ${slots} of node group ${nodeGroupId}`,
  );

/**
 * Cluster mode: a server that no record names talked to the nodes. `slots` that it claimed; empty for one that was kept
 * out before anything that it says counted.
 */
export const strangerOnBus = (where: string, cacheClusterId: string, slots: string): EventText =>
  ofGroup(
    'Limber:StrangerOnClusterBus',
    slots === ''
      ? `${where}, which no record names, introduced itself to ${cacheClusterId} on the cluster bus and is kept out`
      : `${where}, which no record names, is on the cluster bus of ${cacheClusterId} and claims the slots ${slots}: every member is told to forget it`,
  );

/** Cluster mode: a primary had lost slots of its shard to somebody who is in no record. */
export const slotsTakenBack = (nodeGroupId: string, cacheClusterId: string, slots: string): EventText =>
  ofGroup(
    'Limber:SlotsTakenBack',
    `${cacheClusterId} has the slots ${slots} of node group ${nodeGroupId} again, which somebody else had claimed; its engine may have deleted keys in them`,
  );

function of(sourceType: EventSourceType, eventId: string, message: string): EventText {
  return { eventId, sourceType, message };
}

function ofCluster(eventId: string, message: string): EventText {
  return of('cache-cluster', eventId, message);
}

function ofGroup(eventId: string, message: string): EventText {
  return of('replication-group', eventId, message);
}

function list(ids: readonly string[]): string {
  return ids.join(', ');
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
