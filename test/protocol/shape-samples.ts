/** Values made from the SDK's schemas: what an action could take or answer, with text that is hard on the wire. */
import type { NormalizedSchema } from '@smithy/core/schema';
import { requiredMembers } from '../../src/protocol/query/actions.ts';
import { enumValues } from '../../src/protocol/query/input-enums.ts';

export interface SampleOptions {
  /** `full` has every member and two elements in each list; `bare` only what is required; `empty-lists` is full with no elements. */
  readonly kind: 'full' | 'bare' | 'empty-lists';
  /** Doubles occur in outputs only. */
  readonly number: number;
}

/** Markup, both line ends, blanks around, beyond the BMP, form syntax. */
export const hardText = ' <a href="x">&amp;\r\n\t\'é 日本 😀 %41+b=c;/?\u0085\u2028]]> ';

export const sampleTime = new Date('2026-01-02T03:04:05.678Z');

export function sample(schema: NormalizedSchema, options: SampleOptions, owner = '', member = ''): unknown {
  if (schema.isUnitSchema()) return {};
  if (schema.isListSchema()) {
    // A structure without members cannot be told from none on this wire.
    const elementOptions = options.kind === 'bare' ? { ...options, kind: 'full' as const } : options;
    const element = () => sample(schema.getValueSchema(), elementOptions, owner, member);
    return options.kind === 'empty-lists' ? [] : [element(), element()];
  }
  if (schema.isStructSchema()) return sampleStructure(schema, options);
  if (schema.isStringSchema()) return enumValues(owner, member)?.at(-1) ?? hardText;
  if (schema.isBooleanSchema()) return member.length % 2 === 0;
  if (schema.isTimestampSchema()) return sampleTime;
  if (schema.isNumericSchema()) return options.number;
  throw new Error(`no sample for ${owner}.${member}`);
}

function sampleStructure(schema: NormalizedSchema, options: SampleOptions): unknown {
  const required = requiredMembers(schema);
  const result: Record<string, unknown> = {};
  for (const [name, member] of schema.structIterator()) {
    if (options.kind === 'bare' && !required.has(name)) continue;
    const forMember =
      required.has(name) && options.kind === 'empty-lists' ? { ...options, kind: 'full' as const } : options;
    result[name] = sample(member, forMember, schema.getName() ?? '', name);
  }
  return result;
}
