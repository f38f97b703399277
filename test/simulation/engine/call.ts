/** A command on its way through a simulated engine. */
import type { Argument } from '../../../src/engines/valkey/client.ts';
import type { SlotRange } from '../../../src/model/slots.ts';
import type { Engine, Wires } from './engine.ts';

/** The engine's `-ERR …`. */
export class Refused extends Error {}

/** One connection, as the engine sees it. */
export interface Client {
  readonly id: number;
  /** Ends a WAIT early. */
  unblock: (() => void) | null;
}

export interface Call {
  readonly wires: Wires;
  readonly engine: Engine;
  readonly client: Client;
  /** Connections of the engine by id. */
  readonly clients: ReadonlyMap<number, Client>;
  readonly args: readonly Argument[];
  /** Of a command that blocks. */
  readonly reply: (value: unknown) => void;
}

/** The command answers by `reply` later. */
export const blocked = Symbol('blocked');

/** Pairs of first and last slot. */
export function rangesOf(args: readonly Argument[]): SlotRange[] {
  const ranges: SlotRange[] = [];
  for (let index = 0; index < args.length; index += 2)
    ranges.push({ start: Number(args[index]), end: Number(args[index + 1]) });
  return ranges;
}
