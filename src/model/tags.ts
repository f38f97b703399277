/**
 * Tags: up to 50 pairs on a resource. Source: spec/behaviour.md §2 and §23, and AWS's general rules for tags.
 */
import { ServiceError } from './service-errors.ts';

export interface Tag {
  readonly key: string;
  /** The empty text when none was given. */
  readonly value: string;
}

const tagsPerResourceMax = 50;

/** A tag as a request has it. */
interface TagInput {
  readonly Key?: string | undefined;
  readonly Value?: string | undefined;
}

/**
 * Checked tags in the order given. Throws `InvalidParameterValue` for a bad key or value, a reserved or repeated
 * key, and `TagQuotaPerResourceExceeded` for more than 50.
 */
export function parseTags(input: readonly TagInput[], parameterName = 'Tags'): readonly Tag[] {
  const seen = new Set<string>();
  const tags = input.map(({ Key: key = '', Value: value = '' }) => {
    checkTag(key, value, parameterName);
    if (seen.has(key))
      throw new ServiceError(
        'InvalidParameterValue',
        `The parameter ${parameterName} has the key "${key}" twice.`,
      );
    seen.add(key);
    return { key, value };
  });
  checkCount(tags.length);
  return tags;
}

/** Existing tags with `added` over them: a key that exists gets the new value in its old place. */
export function mergeTags(existing: readonly Tag[], added: readonly Tag[]): readonly Tag[] {
  const merged = new Map([...existing, ...added].map((tag) => [tag.key, tag]));
  checkCount(merged.size);
  return [...merged.values()];
}

/** Throws `TagNotFound` when one of the keys is not there, and then removes none. */
export function removeTags(existing: readonly Tag[], keys: readonly string[]): readonly Tag[] {
  const missing = keys.filter((key) => !existing.some((tag) => tag.key === key));
  if (missing.length > 0)
    throw new ServiceError('TagNotFound', `The tag ${quoted(missing)} was not found on this resource.`);
  return existing.filter((tag) => !keys.includes(tag.key));
}

// The characters that AWS allows in tags of all services: letters, digits, spaces and + - = . _ : / @
const tagText = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

function checkTag(key: string, value: string, parameterName: string): void {
  const refuse = (reason: string): ServiceError =>
    new ServiceError('InvalidParameterValue', `The parameter ${parameterName} is not valid: ${reason}`);
  if (key === '') throw refuse('a tag has no key; keys are 1 to 128 characters long.');
  if (key.length > 128)
    throw refuse(`the key "${key.slice(0, 40)}…" has ${key.length} characters; at most 128.`);
  if (value.length > 256) throw refuse(`the value of "${key}" has ${value.length} characters; at most 256.`);
  if (/^aws:/i.test(key)) throw refuse(`the key "${key}" begins with aws:, which is reserved.`);
  if (!tagText.test(key) || !tagText.test(value))
    throw refuse(
      `the tag "${key}" may only have letters, digits, spaces and + - = . _ : / @ in key and value.`,
    );
}

function checkCount(count: number): void {
  if (count > tagsPerResourceMax)
    throw new ServiceError(
      'TagQuotaPerResourceExceeded',
      `The resource would have ${count} tags; at most ${tagsPerResourceMax} are allowed.`,
    );
}

function quoted(keys: readonly string[]): string {
  return keys.map((key) => `"${key}"`).join(', ');
}
