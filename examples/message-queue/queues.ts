import type { Redis } from 'iovalkey';
import type { JobQueue } from './job-queue.ts';
import { openListQueue } from './list-queue.ts';
import { openStreamQueue } from './stream-queue.ts';

export const queueKinds = ['list', 'stream'] as const;
export type QueueKind = (typeof queueKinds)[number];

/** A job that takes longer counts as lost. Short, so that the example is; minutes are usual. */
const jobMs = 300;

export function openQueue(kind: QueueKind, cache: Redis, worker: string): JobQueue {
  return kind === 'list' ? openListQueue(cache, worker, jobMs) : openStreamQueue(cache, worker, jobMs);
}

export function readQueueKind(text: string | undefined): QueueKind {
  const kind = queueKinds.find((known) => known === text);
  if (!kind) throw new Error(`expected one of ${queueKinds.join(', ')}, got ${text}`);
  return kind;
}

/** Key of a hash: job → how many times it was done. */
export function timesDone(kind: QueueKind): string {
  return `message-queue:times-done:${kind}`;
}
