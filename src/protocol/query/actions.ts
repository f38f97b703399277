/**
 * The 75 actions of ElastiCache's API, as the AWS SDK describes them at run time and in its types. Nothing of an
 * action's inputs and outputs is written by hand, so an SDK upgrade brings new members by itself.
 */
import * as sdk from '@aws-sdk/client-elasticache';
import { NormalizedSchema } from '@smithy/core/schema';

export const apiVersion = '2015-02-02';
export const xmlNamespace = `http://elasticache.amazonaws.com/doc/${apiVersion}/`;

type Sdk = typeof sdk;
type CommandName = Exclude<keyof Sdk, '$Command'> & `${string}Command`;
type CommandOf<A extends ActionName> = InstanceType<Sdk[`${A}Command`]>;
type SdkOutput<C> = C extends sdk.$Command<infer _I, infer O, infer _C, infer _SI, infer _SO> ? O : never;

export type ActionName = CommandName extends infer C ? (C extends `${infer A}Command` ? A : never) : never;

/**
 * The SDK's type with what decoding has ensured: required members are there, at every depth (the SDK allows
 * `undefined` for them). It can be written to, as the SDK's can, since every request has its own.
 */
type Decoded<T> = T extends Date | string | number | boolean | undefined
  ? T
  : T extends readonly (infer E)[]
    ? Decoded<E>[]
    : {
        [K in keyof T]: Record<never, never> extends Pick<T, K> ? Decoded<T[K]> : Decoded<NonNullable<T[K]>>;
      };

/** The SDK's type, but read-only lists are welcome too. */
type Encodable<T> = T extends Date | string | number | boolean | undefined
  ? T
  : T extends readonly (infer E)[]
    ? readonly Encodable<E>[]
    : { readonly [K in keyof T]: Encodable<T[K]> };

export type ActionInput<A extends ActionName> = Decoded<CommandOf<A>['input']>;
/** `{}` for the three actions that answer nothing. */
export type ActionOutput<A extends ActionName> = Encodable<Omit<SdkOutput<CommandOf<A>>, '$metadata'>>;

/** `[9, namespace, name, traits, input, output]`: the SDK's static form of an operation. */
type OperationTuple = readonly [9, string, string, unknown, () => unknown, () => unknown];

function operations(): ReadonlyMap<string, OperationTuple> {
  const found = new Map<string, OperationTuple>();
  for (const value of Object.values(sdk) as unknown[]) {
    if (Array.isArray(value) && value[0] === 9) found.set(value[2], value as unknown as OperationTuple);
  }
  return found;
}

const operationOf = operations();

/** All actions in alphabetical order. */
export const actionNames = [...operationOf.keys()].sort() as readonly ActionName[];

export function isActionName(name: string): name is ActionName {
  return operationOf.has(name);
}

function operation(action: ActionName): OperationTuple {
  const found = operationOf.get(action);
  if (!found) throw new Error(`the SDK has no action ${action}`);
  return found;
}

export function inputSchema(action: ActionName): NormalizedSchema {
  return NormalizedSchema.of(operation(action)[4]() as Parameters<typeof NormalizedSchema.of>[0]);
}

/** The unit schema for actions that answer nothing. */
export function outputSchema(action: ActionName): NormalizedSchema {
  return NormalizedSchema.of(operation(action)[5]() as Parameters<typeof NormalizedSchema.of>[0]);
}

const knownTraits = new Set(['xmlName', 'awsQueryError', 'error', 'httpError']);

/**
 * The tag of a list's elements: `Tags.Tag.1` in requests, `<Tag>` in answers. Refuses traits that this codec was
 * not written for, so that an SDK upgrade that brings one fails a test instead of garbling the wire.
 */
export function listTag(list: NormalizedSchema): string {
  assertKnownTraits(list);
  const { xmlName } = list.getValueSchema().getMergedTraits() as { readonly xmlName?: unknown };
  return typeof xmlName === 'string' ? xmlName : 'member';
}

export function assertKnownTraits(schema: NormalizedSchema): void {
  for (const trait of Object.keys(schema.getMergedTraits())) {
    if (!knownTraits.has(trait))
      throw new Error(`${schema.getName(true)}: the codec does not know trait ${trait}`);
  }
}

/** Required members come first in the SDK's structures; the last element of the tuple is their number. */
export function requiredMembers(structure: NormalizedSchema): ReadonlySet<string> {
  const tuple = structure.getSchema() as unknown as readonly unknown[];
  const names = tuple[4] as readonly string[];
  return new Set(names.slice(0, typeof tuple[6] === 'number' ? tuple[6] : 0));
}
