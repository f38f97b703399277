/**
 * `npm run replay [N…]`: plays all public configurations, or those numbers, on real engines with stand-ins, and prints of
 * each whether it is served, or why not. Ends with 1 when one is refused for a reason that is not in the list.
 */
import { startLimber } from '../support/limber.ts';
import { knownReason } from './reasons.ts';
import { configurations, type Outcome, replay } from './replay.ts';

const numbers = process.argv.slice(2).map(Number);
const chosen = configurations.filter(({ n }) => numbers.length === 0 || numbers.includes(n));
const ends: (() => Promise<void>)[] = [];
try {
  const scope = { after: (end: () => Promise<void>) => void ends.push(end) };
  const limber = await startLimber(scope, { env: { LIMBER_STAND_INS: '1' } });
  const outcomes: Outcome[] = [];
  for (const configuration of chosen) {
    const outcome = await replay(configuration, (region) => limber.client({ region }));
    outcomes.push(outcome);
    console.log(lineOf(outcome));
  }
  const judged = outcomes.filter(({ configuration }) => configuration.aws_refuses_too === undefined);
  const refused = judged.filter(({ refusal }) => refusal !== null);
  const unexpected = refused.filter((outcome) => knownReason(outcome) === null);
  console.log(
    `\nof ${judged.length} that ElastiCache takes, ${judged.length - refused.length} are served; ` +
      `${refused.length - unexpected.length} need what is not built yet; ${unexpected.length} are refused without such a reason`,
  );
  if (unexpected.length > 0) process.exitCode = 1;
} finally {
  for (const end of ends) await end();
}

function lineOf(outcome: Outcome): string {
  const { configuration, refusal } = outcome;
  const { n, kind, aws_refuses_too: awsRefuses } = configuration;
  const name = `${String(n).padStart(3)} ${kind.padEnd(9)}`;
  const verdict = awsRefuses === undefined ? '' : ` (ElastiCache refuses it: ${awsRefuses})`;
  if (refusal === null) return `${name} served${verdict}`;
  const why = awsRefuses === undefined ? (knownReason(outcome) ?? 'UNEXPECTED') : 'refused';
  return `${name} ${why}: ${refusal.action}: ${refusal.reason}${verdict}`;
}
