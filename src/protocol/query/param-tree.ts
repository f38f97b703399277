/**
 * Dotted parameter names (`Tags.Tag.1.Key`) as a tree. Its size is bounded by the number of parameters, never by
 * an index in a name; Maps keep names such as `__proto__` harmless.
 */
import { invalidValue } from '../../model/service-errors.ts';
import type { FormParams } from '../form.ts';

export interface ParamNode {
  /** As the client wrote it, for error messages. */
  readonly path: string;
  value: string | undefined;
  children: Map<string, ParamNode> | undefined;
}

/** The deepest input, `ReshardingConfiguration.X.1.PreferredAvailabilityZones.X.1`, has 6 segments. */
const depthMax = 10;
const nameLengthMax = 512;

/** Parameters of the protocol itself; X-Amz-… are a presigned request's signature. */
function isProtocolParam(name: string): boolean {
  return name === 'Action' || name === 'Version' || /^x-amz-/i.test(name);
}

/** Throws InvalidParameterValue for a name given twice, too long or too deep, and for text XML cannot hold. */
export function paramTree(params: FormParams): ParamNode {
  const root: ParamNode = { path: '', value: undefined, children: undefined };
  for (const [name, value] of params) {
    if (isProtocolParam(name)) continue;
    if (name.length > nameLengthMax) throw invalidValue(`The parameter name ${shorten(name)} is too long.`);
    const node = descend(root, name);
    if (node.value !== undefined)
      throw invalidValue(`The parameter ${shorten(name)} is given more than once.`);
    assertXmlText(name, value);
    node.value = value;
  }
  return root;
}

function descend(root: ParamNode, name: string): ParamNode {
  const segments = name.split('.', depthMax + 1);
  if (segments.length > depthMax)
    throw invalidValue(`The parameter name ${shorten(name)} is nested too deeply.`);
  let node = root;
  for (const segment of segments) {
    node.children ??= new Map();
    let child = node.children.get(segment);
    if (!child) {
      child = {
        path: node.path === '' ? segment : `${node.path}.${segment}`,
        value: undefined,
        children: undefined,
      };
      node.children.set(segment, child);
    }
    node = child;
  }
  return node;
}

/** Answers are XML 1.0: a control character that got in could never be shown again. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const notXml = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/;

function assertXmlText(name: string, value: string): void {
  const found = notXml.exec(value);
  if (!found) return;
  const code = found[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
  throw invalidValue(
    `The parameter ${shorten(name)} contains the character U+${code}, which is not allowed.`,
  );
}

/** A client's text as an error message shows it: cut to a bounded length; the caller quotes it. */
export function shorten(text: string): string {
  return text.length <= 128 ? text : `${text.slice(0, 125)}...`;
}
