/**
 * Every gap in which a crash matters (docs/crash-safety.md), each with an operation that passes it. `@2`: at the
 * second pass. Rows with `isFull` run with LIMBER_TEST_FULL=1.
 */
import type { CrashCase, Operation } from './crash-case.ts';
import * as lastCopy from './crash-last-copy.ts';
import * as leads from './crash-leads.ts';
import * as memcacheds from './crash-memcached.ts';
import * as operations from './crash-operations.ts';
import { cluster, manualPair, pair } from './crash-scenes.ts';

const of = (operation: Operation, ...points: readonly string[]): CrashCase[] =>
  points.map((point) => ({ point, operation }));
/** Only in the full run. */
const full = (operation: Operation, ...points: readonly string[]): CrashCase[] =>
  points.map((point) => ({ point, operation, isFull: true }));

const create = operations.createsGroup('a group is created', pair);
const createCluster = operations.createsGroup('a cluster is created', cluster);

export const creations: readonly CrashCase[] = [
  ...of(
    operations.asksForGroup('a group is asked for, and not recorded', pair, false),
    // The first commit of a life is the one at its start.
    'store-before-commit@2',
  ),
  ...of(operations.asksForGroup('a group is asked for, and recorded', pair, true), 'store-after-commit@2'),
  ...of(create, 'create-cache:placing:acted', 'start-node:prepared', 'node-spawned-not-recorded'),
  ...full(
    create,
    'create-cache:begun',
    'create-cache:starting',
    'start-node:recorded',
    'start-node:ready',
    'bring-up:started',
    'node-spawned-not-recorded@2',
    'follow:told',
    'endpoints:given-up',
    'create-cache:finished',
    'store-before-commit@4',
    'store-after-commit@6',
    'store-before-commit@8',
  ),
  ...of(create, 'create-cache:confirming', 'endpoints:bound'),
  { point: 'node-spawned-not-recorded', again: 'adopt:recorded', operation: create },
  ...of(createCluster, 'form-cluster:round', 'form-cluster:formed'),
  ...full(createCluster, 'create-cache:forming', 'form-cluster:round@4', 'create-cache:forming:acted'),
  ...full(operations.createsSingle, 'create-cache:placing:acted', 'node-spawned-not-recorded'),
  ...of(operations.createsFromPrimary, 'adopt-primary:moved'),
  ...full(
    operations.createsFromPrimary,
    'create-from-primary:begun',
    'adopt-primary:worker-stopped',
    'create-from-primary:adopting:acted',
    'create-from-primary:placing',
    'create-from-primary:placing:acted',
    'create-from-primary:syncing',
    'create-from-primary:finished',
  ),
];

export const memcached: readonly CrashCase[] = [
  ...of(memcacheds.createsMemcached, 'configuration:written', 'create-cache:publishing:acted'),
  ...full(memcacheds.createsMemcached, 'create-cache:publishing', 'configuration:served'),
  ...of(memcacheds.growsMemcached, 'resize-memcached:placing:acted', 'configuration:written'),
  ...full(
    memcacheds.growsMemcached,
    'resize-memcached:begun',
    'resize-memcached:starting',
    'resize-memcached:unlisting',
    'resize-memcached:publishing',
    'configuration:served',
    'resize-memcached:finished',
  ),
  ...of(memcacheds.shrinksMemcached, 'resize-memcached:unlisting:acted', 'destroy-node:process-ended'),
  ...full(
    memcacheds.shrinksMemcached,
    'resize-memcached:publishing:acted',
    'resize-memcached:destroying',
    'destroy-node:directory-gone',
    'resize-memcached:destroying:acted',
  ),
  ...of(memcacheds.deletesMemcached, 'configuration:withdrawn'),
  ...full(memcacheds.deletesMemcached, 'delete-cache:destroying:acted'),
];

export const changes: readonly CrashCase[] = [
  ...of(operations.deletesGroup, 'delete-cache:marking:acted', 'destroy-node:directory-gone'),
  ...full(
    operations.deletesGroup,
    'delete-cache:begun',
    'delete-cache:destroying',
    'destroy-node:process-ended',
    'delete-cache:destroying:acted',
    'delete-cache:finished',
  ),
  ...of(operations.retainsPrimary, 'retain-primary:moved'),
  ...full(
    operations.retainsPrimary,
    'delete-cache:begun',
    'delete-cache:retaining:acted',
    'delete-cache:marking',
  ),
  ...of(leads.rebootsReplica, 'end:stopped'),
  ...full(
    leads.rebootsReplica,
    'reboot-nodes:begun',
    'reboot-nodes:asking:acted',
    'reboot-nodes:waiting',
    'node-spawned-not-recorded',
    'reboot-nodes:finished',
  ),
  ...of(operations.appliesParameters, 'apply-parameters:begun', 'apply-config:applied'),
  ...full(
    operations.appliesParameters,
    'apply-parameters:converging',
    'apply-parameters:converging:acted',
    'apply-config:applied@2',
    'apply-parameters:finished',
  ),
  ...of(operations.addsReplicas, 'add-members:placing:acted'),
  ...full(operations.addsReplicas, 'add-members:begun', 'add-members:syncing', 'add-members:finished'),
  ...of(operations.addsReplicasInCluster, 'cluster-follow:introduced'),
  ...full(
    operations.addsReplicasInCluster,
    'add-members:spreading',
    'spread:hurried',
    'add-members:spreading:acted',
  ),
  ...of(operations.removesReplicas, 'remove-members:unbound', 'remove-members:destroying'),
  ...full(
    operations.removesReplicas,
    'remove-members:begun',
    'remove-members:marking:acted',
    'remove-members:releasing',
    'remove-members:forgotten',
    'remove-members:releasing:acted',
    'destroy-node:directory-gone',
    'remove-members:destroying:acted',
    'remove-members:finished',
  ),
];

export const failovers: readonly CrashCase[] = [
  ...of(leads.failsOver, 'failover:target-set', 'failover:promoted', 'failover:confirmed'),
  ...full(leads.failsOver, 'endpoints:bound', 'follow:told', 'node-spawned-not-recorded'),
  ...of(leads.fencesHungPrimary, 'fence:done'),
  ...of(leads.failsOverInCluster, 'failover:taken-over'),
  ...full(leads.failsOverInCluster, 'failover:target-set', 'failover:confirmed'),
  ...of(leads.losesManifest, 'mend:set-aside'),
  ...of(leads.losesLonelyManifest, 'mend:moved'),
  ...full(leads.losesLonelyManifest, 'mend:set-aside'),
  ...of(leads.meetsStranger(), 'bus-guard:forgotten'),
  ...of(leads.leadsAgainInCluster, 'bring-up:ghost-written', 'bring-up:started', 'lead-again:taken-over'),
  ...of(leads.losesReplica, 'node-spawned-not-recorded'),
  ...full(leads.losesReplica, 'endpoints:given-up', 'start-node:prepared', 'start-node:recorded'),
  ...of(leads.losesSingle, 'bring-up:started'),
  ...of(leads.testsFailover, 'test-failover:killing:acted'),
  ...full(
    leads.testsFailover,
    'test-failover:begun',
    'test-failover:killing',
    'test-failover:failing-over',
    'test-failover:recovering',
    'test-failover:finished',
  ),
];

export const switchovers: readonly CrashCase[] = [
  ...of(
    leads.switchesOver,
    'switchover:writes-held',
    'switchover:writes-refused',
    'switchover:promoted',
    'switchover:endpoint-moved',
    'switchover:old-follows',
  ),
  ...full(leads.switchesOver, 'switchover:target-set', 'endpoints:given-up', 'failover:confirmed'),
  ...of(
    leads.switchesOverInCluster,
    'switchover:writes-held',
    'switchover:writes-refused',
    'cluster-switchover:taken-over',
  ),
  ...full(leads.switchesOverInCluster, 'failover:confirmed'),
  ...of(leads.promotesMember, 'promote-member:setting-target:acted'),
  ...full(
    leads.promotesMember,
    'promote-member:begun',
    'promote-member:switching-over',
    'switchover:promoted',
    'promote-member:finished',
  ),
  ...of(leads.returnsTheLead, 'fail-back:source-leads', 'fail-back:synced', 'fail-back:restored'),
  ...full(leads.returnsTheLead, 'fail-back:source-follows'),
];

const removesFromPair = lastCopy.removesReplicaAndLosesPrimary('automatic failover off', manualPair);
const removesFromCluster = lastCopy.removesReplicaAndLosesPrimary('cluster mode', cluster);
const testsPair = lastCopy.testsFailoverAndLosesReplica('without cluster mode', pair);
const testsCluster = lastCopy.testsFailoverAndLosesReplica('cluster mode', cluster);

/** A node dies while no Limber runs, up to the last gap before a process is ended on purpose. */
export const lastCopies: readonly CrashCase[] = [
  ...[removesFromPair, removesFromCluster].flatMap((removes) => [
    ...of(removes, 'remove-members:begun', 'remove-members:marking:acted', 'remove-members:destroying'),
    ...full(removes, 'remove-members:releasing', 'remove-members:releasing:acted'),
  ]),
  // Of a cluster it serves no endpoint that it would have to give up.
  ...full(removesFromPair, 'remove-members:unbound'),
  { point: 'remove-members:destroying', again: 'tombstone:withdrawn', operation: removesFromPair },
  ...[testsPair, testsCluster].flatMap((tests) => [
    ...of(tests, 'test-failover:killing'),
    ...full(tests, 'test-failover:begun'),
  ]),
  ...of(lastCopy.retainsPrimaryAndLosesIt, 'delete-cache:retaining:acted'),
  ...full(lastCopy.retainsPrimaryAndLosesIt, 'delete-cache:begun'),
];

/** With engines that do not start. */
export const failures: readonly CrashCase[] = [
  ...of(lastCopy.takesBackAndLosesPrimary, 'add-members:undoing'),
  ...of(operations.failsToCreate, 'create-cache:abandoning', 'stop-nodes:marked'),
  ...full(operations.failsToCreate, 'create-cache:abandoning:acted', 'create-cache:failed'),
  ...of(operations.failsToGrow, 'add-members:undoing'),
  ...full(operations.failsToGrow, 'add-members:undoing:acted', 'add-members:failed'),
  ...of(memcacheds.failsToResize, 'resize-memcached:undoing'),
  ...full(memcacheds.failsToResize, 'resize-memcached:undoing:acted', 'resize-memcached:failed'),
];

export const crashTable: readonly CrashCase[] = [
  ...creations,
  ...memcached,
  ...changes,
  ...failovers,
  ...switchovers,
  ...lastCopies,
  ...failures,
];
