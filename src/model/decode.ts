/** Decoders check a value that comes from JSON and give it its type; one that does not fit throws a `TypeError` that names the place. */

/** `at`: where the value stands, for the error text. */
export type Decoder<T> = (value: unknown, at: string) => T;

export type Decoded<D> = D extends Decoder<infer T> ? T : never;

export const text: Decoder<string> = (value, at) =>
  typeof value === 'string' ? value : refuse(value, at, 'a string');

export const wholeNumber: Decoder<number> = (value, at) =>
  Number.isSafeInteger(value) ? (value as number) : refuse(value, at, 'a whole number');

export const flag: Decoder<boolean> = (value, at) =>
  typeof value === 'boolean' ? value : refuse(value, at, 'true or false');

export const oneOf =
  <const T extends string>(...allowed: readonly T[]): Decoder<T> =>
  (value, at) =>
    allowed.find((one) => one === value) ?? refuse(value, at, allowed.join(' or '));

export const listOf =
  <T>(item: Decoder<T>): Decoder<readonly T[]> =>
  (value, at) =>
    Array.isArray(value)
      ? value.map((one, index) => item(one, `${at}[${index}]`))
      : refuse(value, at, 'a list');

/** Decodes an object with these members; members of other names are left out. */
export const fields =
  <const D extends Readonly<Record<string, Decoder<unknown>>>>(
    members: D,
  ): Decoder<{ readonly [Name in keyof D]: Decoded<D[Name]> }> =>
  (value, at) => {
    if (typeof value !== 'object' || value === null) return refuse(value, at, 'an object');
    const given = value as Readonly<Record<string, unknown>>;
    const entries = Object.entries(members).map(([name, member]) => [
      name,
      member(given[name], at === '' ? name : `${at}.${name}`),
    ]);
    return Object.fromEntries(entries) as { readonly [Name in keyof D]: Decoded<D[Name]> };
  };

/** Decodes a member that rows of earlier versions do not have: absent, it has this value. */
export const orElse =
  <T>(member: Decoder<T>, absent: T): Decoder<T> =>
  (value, at) =>
    value === undefined ? absent : member(value, at);

function refuse(value: unknown, at: string, expected: string): never {
  const found = JSON.stringify(value) ?? 'nothing';
  throw new TypeError(`${at || 'the value'} must be ${expected}; found ${found.slice(0, 80)}`);
}
