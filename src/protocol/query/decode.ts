/**
 * Turns a request's parameters into an action's input. A decoder per shape is compiled when the shape is first met, then kept.
 *
 * Codes and texts follow spec/behaviour.md §1: a required parameter that is absent or blank is
 * InvalidParameterValue "The parameter X must be provided and must not be blank." (recorded from AWS, one text for
 * both cases), and so is every value of the wrong type.
 *
 * Unknown parameters are refused, though AWS ignores them: a newer client may ask for something that this server
 * does not have, and dropping it would be a silent success.
 *
 * The SDK's schemas hold no patterns and no lengths; those rules stand with the actions.
 */

import type { NormalizedSchema } from '@smithy/core/schema';
import { invalidValue } from '../../model/service-errors.ts';
import type { FormParams } from '../form.ts';
import {
  type ActionInput,
  type ActionName,
  assertKnownTraits,
  inputSchema,
  listTag,
  requiredMembers,
} from './actions.ts';
import { enumValues } from './input-enums.ts';
import { type ParamNode, paramTree, shorten } from './param-tree.ts';
import { parseBoolean, parseInteger, parseTimestamp } from './scalars.ts';

type Decoder = (node: ParamNode) => unknown;

interface Member {
  readonly name: string;
  readonly isRequired: boolean;
  readonly decode: Decoder;
}

const inputDecoders = new Map<ActionName, Decoder>();
const structureDecoders = new Map<string, Decoder>();

/** Throws ServiceError InvalidParameterValue that names the parameter, the value and what is allowed. */
export function decodeInput<A extends ActionName>(action: A, params: FormParams): ActionInput<A> {
  let decode = inputDecoders.get(action);
  if (!decode) {
    decode = structureDecoder(inputSchema(action), action);
    inputDecoders.set(action, decode);
  }
  return decode(paramTree(params)) as ActionInput<A>;
}

function decoderOf(schema: NormalizedSchema, structure: string, member: string): Decoder {
  assertKnownTraits(schema);
  if (schema.isListSchema()) return listDecoder(schema, structure, member);
  if (schema.isStructSchema()) return cachedStructureDecoder(schema);
  if (schema.isStringSchema()) return stringDecoder(enumValues(structure, member));
  if (schema.isBooleanSchema()) return scalarDecoder(parseBoolean);
  // Doubles and integers look alike in the schemas; no input member is a double (a test checks that).
  if (schema.isNumericSchema()) return scalarDecoder(parseInteger);
  if (schema.isTimestampSchema()) return scalarDecoder(parseTimestamp);
  throw new Error(`${structure}.${member}: the codec cannot decode this kind of member`);
}

/** Shapes used in several places are compiled once; compiled on first use, since a shape may hold itself. */
function cachedStructureDecoder(schema: NormalizedSchema): Decoder {
  const name = schema.getName(true) ?? '';
  return (node) => {
    let decode = structureDecoders.get(name);
    if (!decode) {
      decode = structureDecoder(schema, schema.getName() ?? '');
      structureDecoders.set(name, decode);
    }
    return decode(node);
  };
}

function structureDecoder(schema: NormalizedSchema, owner: string): Decoder {
  const required = requiredMembers(schema);
  const members = new Map<string, Member>();
  for (const [name, memberSchema] of schema.structIterator()) {
    const decode = decoderOf(memberSchema, schema.getName() ?? '', name);
    members.set(name, { name, isRequired: required.has(name), decode });
  }
  const requiredNames = [...required];
  return (node) => {
    if (node.value)
      throw invalidValue(`The parameter ${shorten(node.path)} is a structure and cannot have a value.`);
    const result: Record<string, unknown> = {};
    for (const [segment, child] of node.children ?? []) {
      const member = members.get(segment);
      if (!member) throw invalidValue(`${owner} has no parameter ${shorten(child.path)}.`);
      const value = member.decode(child);
      if (member.isRequired && isBlank(value)) throw missing(child.path);
      result[member.name] = value;
    }
    for (const name of requiredNames) {
      if (result[name] === undefined) throw missing(node.path === '' ? name : `${node.path}.${name}`);
    }
    return result;
  };
}

function isBlank(value: unknown): boolean {
  return typeof value === 'string' ? value.trim() === '' : Array.isArray(value) && value.length === 0;
}

function missing(path: string) {
  return invalidValue(`The parameter ${shorten(path)} must be provided and must not be blank.`);
}

/** `Name.Tag.N` (SDKs), `Name.member.N` (documentation), `Name.N` (old clients); `Name=` is the empty list. */
function listDecoder(schema: NormalizedSchema, structure: string, member: string): Decoder {
  const tag = listTag(schema);
  const decodeElement = decoderOf(schema.getValueSchema(), structure, member);
  return (node) => {
    if (node.value) {
      throw invalidValue(
        `The parameter ${shorten(node.path)} is a list: give its elements as ${shorten(node.path)}.${tag}.1 and so on.`,
      );
    }
    return elementsOf(node, tag).map(decodeElement);
  };
}

function elementsOf(list: ParamNode, tag: string): readonly ParamNode[] {
  const byIndex = new Map<number, ParamNode>();
  for (const [segment, child] of list.children ?? []) {
    // A shape may have a list whose tag is its own name; a number is never a tag.
    const isTag = segment === tag || segment === 'member';
    if (isTag && child.value)
      throw invalidValue(`The parameter ${shorten(child.path)} needs an index: ${shorten(child.path)}.1`);
    for (const [index, element] of isTag ? (child.children ?? []) : [[segment, child] as const]) {
      const position = /^[1-9]\d{0,8}$/.test(index) ? Number(index) : 0;
      if (position === 0)
        throw invalidValue(
          `The parameter ${shorten(element.path)} is not known: the list's elements are numbered 1, 2, 3 and so on as ${shorten(list.path)}.${tag}.N.`,
        );
      if (byIndex.has(position))
        throw invalidValue(`The parameter ${shorten(element.path)} is given more than once.`);
      byIndex.set(position, element);
    }
  }
  return inOrder(byIndex, list.path);
}

/** Gaps are refused: an element that got lost on the way must not go unnoticed. */
function inOrder(byIndex: ReadonlyMap<number, ParamNode>, path: string): readonly ParamNode[] {
  return Array.from({ length: byIndex.size }, (_, i) => {
    const element = byIndex.get(i + 1);
    if (!element) {
      throw invalidValue(
        `The list ${shorten(path)} has ${byIndex.size} elements, but none with index ${i + 1}: elements are numbered from 1 without gaps.`,
      );
    }
    return element;
  });
}

function scalarDecoder(parse: (text: string, path: string) => unknown): Decoder {
  return (node) => parse(scalarText(node), node.path);
}

function stringDecoder(allowed: readonly string[] | undefined): Decoder {
  return (node) => {
    const text = scalarText(node);
    if (allowed && !allowed.includes(text)) {
      throw invalidValue(
        `Invalid value "${shorten(text)}" for ${node.path}: must be one of ${allowed.join(', ')}.`,
      );
    }
    return text;
  };
}

function scalarText(node: ParamNode): string {
  if (node.children) {
    const inner = node.children.values().next().value;
    throw invalidValue(
      `The parameter ${shorten(inner?.path ?? node.path)} is not known: ${shorten(node.path)} has a single value.`,
    );
  }
  return node.value ?? '';
}
