import { version } from '../platform/version.ts';
import { readArguments } from './arguments.ts';

export const usage = 'Usage: limber version';

export async function run(argv: string[]): Promise<number> {
  readArguments(argv, { version: { type: 'boolean' } });
  console.log(`limber ${version}`);
  return 0;
}
