/**
 * Checks of parameter values and of changes to a parameter group. Source: data/parameters.json, spec/behaviour.md §10.
 */
import { parametersPerRequestMax } from '../model/limits.ts';
import { ServiceError } from '../model/service-errors.ts';
import { findParameter, type Parameter, type ParameterValues } from './parameters.ts';

/** ParameterNameValue off the wire. */
interface ParameterChange {
  readonly name: string;
  readonly value: string;
}

/**
 * Fixed once a cache uses the group, because a running cache cannot follow: AWS shows them as not modifiable, but lets
 * them be set in a custom group that is not attached to anything yet.
 */
const parametersFixedByUse: readonly string[] = [
  'activerehashing',
  'cluster-databases',
  'cluster-enabled',
  'databases',
];

/** Values that would be promises nobody keeps yet: refused rather than stored without effect. */
const notBuiltYet: Readonly<Record<string, string>> = {
  'rename-commands':
    'commands cannot be renamed in this version of Limber; give users an access string that leaves them out',
};

/**
 * The group's overrides after ModifyCacheParameterGroup, or ServiceError `InvalidParameterValue` for an unknown or
 * read-only name, a bad value, a name given twice or more than 20, and `InvalidParameterCombination` for values that
 * exclude each other. Nothing is changed unless all can be.
 * @param isAttached whether a cache uses the group
 */
export function modifiedOverrides(
  family: string,
  overrides: ParameterValues,
  changes: readonly ParameterChange[],
  isAttached: boolean,
): ParameterValues {
  checkCount(changes.map(({ name }) => name));
  const after: Record<string, string> = { ...overrides };
  for (const { name, value } of changes) {
    const parameter = modifiableParameter(family, name);
    checkValue(parameter, value);
    const current = overrides[name] ?? parameter.defaultValue;
    if (isAttached && parametersFixedByUse.includes(name) && value !== current) throw fixedByUse(name);
    after[name] = value;
  }
  // The newer way to say it replaces the older one (§29); both in one request are still refused.
  const names = changes.map(({ name }) => name);
  if (names.includes('reserved-memory-percent') && !names.includes('reserved-memory'))
    delete after['reserved-memory'];
  checkTogether(family, after);
  return after;
}

/** The group's overrides after ResetCacheParameterGroup of these parameters. Errors as in `modifiedOverrides`. */
export function resetOverrides(
  family: string,
  overrides: ParameterValues,
  names: readonly string[],
  isAttached: boolean,
): ParameterValues {
  checkCount(names);
  const after: Record<string, string> = { ...overrides };
  for (const name of names) {
    const parameter = modifiableParameter(family, name);
    const isChange = name in overrides && overrides[name] !== parameter.defaultValue;
    if (isAttached && parametersFixedByUse.includes(name) && isChange) throw fixedByUse(name);
    delete after[name];
  }
  checkTogether(family, after);
  return after;
}

/** The overrides after ResetAllParameters: none, but for what a cache that uses the group cannot follow. */
export function resetAllOverrides(overrides: ParameterValues, isAttached: boolean): ParameterValues {
  const kept = Object.entries(overrides).filter(
    ([name]) => isAttached && parametersFixedByUse.includes(name),
  );
  return Object.fromEntries(kept);
}

/** Throws `InvalidParameterValue` naming parameter, value and what is allowed. */
function checkValue(parameter: Parameter, value: string): void {
  const { name } = parameter;
  const reason = notBuiltYet[name];
  if (reason !== undefined && value.trim() !== '') throw invalidValue(name, value, `${reason}.`);
  if (isAllowed(parameter, value)) return;
  throw invalidValue(name, value, `Allowed: ${describeAllowed(parameter)}.`);
}

/** True when the value has the parameter's type and is among its allowed values. */
export function isAllowed({ name, dataType, allowedValues }: Parameter, value: string): boolean {
  if (name === 'notify-keyspace-events') return /^[KEg$lshzxeAtdmn]*$/.test(value);
  if (name === 'rename-commands') return value === '';
  if (allowedValues === null) return true;
  if (dataType === 'string') return allowedValues.split(',').includes(value);
  const greatest = in31Bits.test(name) ? 2 ** 31 - 1 : Number.MAX_SAFE_INTEGER;
  const isNumber = dataType === 'float' ? /^\d{1,9}(\.\d{1,9})?$/ : /^(0|-?[1-9]\d{0,18})$/; // engines read no leading zeros
  return (
    isNumber.test(value) &&
    numberParts(allowedValues).some(([min, max]) => isBetween(value, min, Math.min(max, greatest)))
  );
}

/**
 * The parts of an integer's or float's allowed values as closed ranges: `0,20-` is 0–0 and 20–∞, `-` is everything,
 * `-2,-1,1-` is -2, -1 and 1–∞.
 */
function numberParts(allowedValues: string): readonly (readonly [number, number])[] {
  return allowedValues.split(',').map((part) => {
    if (part === '-') return [-Infinity, Infinity];
    const range = /^(-?[\d.]+)(-([\d.]*))?$/.exec(part);
    if (!range) throw new Error(`cannot read allowed values ${allowedValues}`);
    const min = Number(range[1]);
    if (range[2] === undefined) return [min, min];
    return [min, range[3] ? Number(range[3]) : Infinity];
  });
}

function isBetween(value: string, min: number, max: number): boolean {
  const number = Number(value);
  return number >= min && number <= max && Math.abs(number) <= Number.MAX_SAFE_INTEGER;
}

/** AWS leaves these open upwards; engines hold them in 31 bits and would not start with more (tried on Valkey 9.1, Redis 7.0). */
const in31Bits =
  /^(lfu-(decay-time|log-factor)|list-compress-depth|list-max-ziplist-size|maxmemory-samples|min-(replicas|slaves)-(max-lag|to-write)|tcp-keepalive|timeout|repl-timeout|client-output-buffer-limit-\w+-soft-seconds)$/;

function describeAllowed({ name, dataType, allowedValues }: Parameter): string {
  if (name === 'notify-keyspace-events') return 'any of the letters KEg$lshzxeAtdmn, or nothing';
  if (allowedValues === '-') return `any ${dataType}`;
  return `${dataType} ${allowedValues ?? ''}${in31Bits.test(name) ? ', at most 2147483647' : ''}`.trim();
}

function modifiableParameter(family: string, name: string): Parameter {
  const parameter = findParameter(family, name);
  if (!parameter)
    throw new ServiceError(
      'InvalidParameterValue',
      `The parameter ${clip(name)} does not exist in the family ${family}; DescribeEngineDefaultParameters lists all.`,
    );
  if (!parameter.isModifiable && !parametersFixedByUse.includes(name))
    throw new ServiceError('InvalidParameterValue', `The parameter ${name} of ${family} cannot be modified.`);
  return parameter;
}

function checkCount(names: readonly string[]): void {
  if (names.length === 0 || names.length > parametersPerRequestMax)
    throw new ServiceError(
      'InvalidParameterValue',
      `The parameter ParameterNameValues has ${names.length} entries; give 1 to ${parametersPerRequestMax}.`,
    );
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw new ServiceError(
      'InvalidParameterValue',
      `The parameter ParameterNameValues names ${clip(twice)} more than once.`,
    );
}

/** Rules between parameters: what one of them alone may be, but an engine would not start with. */
function checkTogether(family: string, overrides: ParameterValues): void {
  const value = (name: string) => overrides[name] ?? findParameter(family, name)?.defaultValue ?? undefined;
  const refuse = (text: string): ServiceError => new ServiceError('InvalidParameterCombination', text);
  if ('reserved-memory' in overrides && 'reserved-memory-percent' in overrides)
    throw refuse(
      'The parameters reserved-memory and reserved-memory-percent exclude each other; reset one of them.',
    );
  const [itemMax, chunkMax] = [Number(value('max_item_size')), Number(value('slab_chunk_max'))];
  if (chunkMax > itemMax || itemMax % chunkMax > 0)
    throw refuse(
      `The parameter max_item_size (${itemMax}) must be a multiple of slab_chunk_max (${chunkMax}); ` +
        'they may be changed together.',
    );
}

function fixedByUse(name: string): ServiceError {
  return new ServiceError(
    'InvalidParameterValue',
    `The parameter ${name} cannot be changed while a cache uses the group; set it in a new group first.`,
  );
}

function invalidValue(name: string, value: string, reason: string): ServiceError {
  return new ServiceError(
    'InvalidParameterValue',
    `The value "${clip(value)}" is not valid for the parameter ${name}. ${reason}`,
  );
}

function clip(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
