import { connectAdmin } from './admin-client.ts';
import { CommandFailed, dataOption, readArguments, readDataDirectory, UsageError } from './arguments.ts';
import { limberCommand } from './command-line.ts';

export const usage = `Usage: limber switchover MEMBER [--region REGION] [--json] [--data DIR]

Makes a replica the primary of its shard, in good order: no write that was acknowledged is lost, and writers wait for
some milliseconds. For your own planned work; it works with cluster mode too, for which ElastiCache has no action.

  limber switchover orders-0001-002     this member leads shard 0001 from now on`;

export async function run(argv: string[]): Promise<number> {
  const { values, positionals } = readArguments(
    argv,
    { ...dataOption, region: { type: 'string' }, json: { type: 'boolean' } },
    1,
  );
  const [member] = positionals;
  if (member === undefined) throw new UsageError('name the member that is to lead');
  const dataDirectory = readDataDirectory(values.data);
  const admin = await connectAdmin(dataDirectory);
  if (!admin)
    throw new CommandFailed(`Limber is not running. To start it: ${limberCommand(dataDirectory, 'up')}`);
  const answer = await admin.call('switchover', {
    member,
    ...(values.region === undefined ? {} : { region: values.region }),
  });
  const { group, nodeGroupId, from, to } = answer;
  console.log(
    values.json
      ? JSON.stringify(answer, null, 2)
      : `${to} leads shard ${nodeGroupId} of ${group}; before: ${from}`,
  );
  return 0;
}
