/** What `decideShard` is expected to say, in short words. */
import assert from 'node:assert/strict';
import { decideShard } from '../../src/reconcilers/shard/decide/decide.ts';
import type { ShardAct } from '../../src/reconcilers/shard/decide/decision.ts';
import type { ShardView } from '../../src/reconcilers/shard/view.ts';
import { incarnationOf as id } from './shard-views.ts';

export const setTarget = (node: number, reason: 'failover' | 'switchover' | 'found'): ShardAct => ({
  kind: 'set-target-primary',
  node: id(node),
  reason,
});
export const start = (node: number, follow: number | null): ShardAct => ({
  kind: 'start',
  node: id(node),
  follow: follow === null ? null : id(follow),
});
export const fence = (node: number, reason?: string): ShardAct => ({
  kind: 'fence',
  node: id(node),
  ...(reason === undefined ? {} : { reason }),
});
export const promote = (node: number): ShardAct => ({ kind: 'promote', node: id(node) });
export const end = (node: number): ShardAct => ({ kind: 'end', node: id(node) });
export const follow = (node: number, primary: number): ShardAct => ({
  kind: 'follow',
  node: id(node),
  primary: id(primary),
});
export const calmClients = (node: number): ShardAct => ({ kind: 'calm-clients', node: id(node) });
export const confirm = (node: number, primary: number): ShardAct => ({
  kind: 'confirm-synced',
  node: id(node),
  primary: id(primary),
});

export function decides(view: ShardView, acts: readonly ShardAct[], sentence: RegExp): void {
  const decision = decideShard(view);
  assert.deepEqual(decision.acts, acts, decision.sentence);
  assert.match(decision.sentence, sentence);
  assert.equal(decision.isSettled, false, 'there is something to be done');
}

export function waits(view: ShardView, sentence: RegExp): void {
  const decision = decideShard(view);
  assert.deepEqual(decision.acts, [], decision.sentence);
  assert.match(decision.sentence, sentence);
  assert.equal(decision.isSettled, false, 'it waits');
}

export function settles(view: ShardView, sentence: RegExp): void {
  const decision = decideShard(view);
  assert.deepEqual(decision.acts, []);
  assert.match(decision.sentence, sentence);
  assert.equal(decision.isSettled, true);
}

export const unsynced = { synced: false } as const;
export const restarting = { intent: 'restarting' } as const;
export const manual = { automaticFailover: false } as const;
