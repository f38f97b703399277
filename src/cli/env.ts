import { readRootCredentials } from '../security/root-credentials.ts';
import {
  CommandFailed,
  dataOption,
  readArguments,
  readDataDirectory,
  readPort,
  UsageError,
} from './arguments.ts';
import { limberCommand, shellWord } from './command-line.ts';
import { findLimber } from './start-record.ts';

const formats = ['sh', 'json', 'profile'] as const;
const profileName = 'limber';
const regionForm = /^[a-z]{2}(-[a-z]+)+-\d$/;

export const usage = `Usage: limber env [--format sh|json|profile] [--region REGION] [--data DIR]

Prints what the AWS CLI, the SDKs and Terraform need to talk to this Limber.

  --format sh       for the shell (default): eval "$(limber env)"
  --format json     an object of environment variables
  --format profile  a profile for ~/.aws/config, for a shell that holds real AWS credentials:
                    limber env --format profile >> ~/.aws/config; aws --profile ${profileName} elasticache ...
  --region REGION   default: what AWS_REGION or AWS_DEFAULT_REGION says, else us-east-1; every region exists`;

/**
 * What a shell may hold that would break a request to us: tokens of temporary credentials and their expiry
 * (botocore would refresh ours), profiles (the JavaScript SDK prefers one to variables), switches that forbid or
 * change endpoints.
 */
const harmful = [
  'AWS_SESSION_TOKEN',
  'AWS_SECURITY_TOKEN',
  'AWS_CREDENTIAL_EXPIRATION',
  'AWS_CREDENTIAL_SCOPE',
  'AWS_ACCOUNT_ID',
  'AWS_PROFILE',
  'AWS_DEFAULT_PROFILE',
  'AWS_IGNORE_CONFIGURED_ENDPOINT_URLS',
  'AWS_USE_FIPS_ENDPOINT',
  'AWS_USE_DUALSTACK_ENDPOINT',
];

/** Works from files, whether Limber runs or not. */
export async function run(argv: string[]): Promise<number> {
  const { values } = readArguments(argv, {
    ...dataOption,
    format: { type: 'string' },
    region: { type: 'string' },
  });
  const format = formats.find((one) => one === (values.format ?? 'sh'));
  if (!format)
    throw new UsageError(`--format ${JSON.stringify(values.format)}: expected ${formats.join(', ')}`);
  const region = readRegion(values.region);
  const dataDirectory = readDataDirectory(values.data);
  const credentials = await readRootCredentials(dataDirectory);
  if (!credentials) {
    const start = limberCommand(dataDirectory, 'up');
    throw new CommandFailed(
      `Limber has not been started yet with the data directory ${dataDirectory}: ${start}`,
    );
  }
  const presence = await findLimber(dataDirectory);
  if (presence.kind !== 'serving') {
    console.error(
      `limber: note that Limber is not running now. To start it: ${limberCommand(dataDirectory, 'up')}`,
    );
  }
  const port = presence.record?.port ?? readPort(process.env.LIMBER_PORT || '8379', 'LIMBER_PORT');
  const { accessKeyId, secretAccessKey } = credentials;
  const url = `http://127.0.0.1:${port}`;
  const variables = {
    AWS_ENDPOINT_URL_ELASTICACHE: url,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region, // botocore and the AWS CLI 1 read only this one
    ...proxyExceptions(),
  };
  console.log({ sh: asShell, json: asJson, profile: asProfile }[format](variables, dataDirectory));
  return 0;
}

type Variables = Readonly<Record<string, string>>;

function readRegion(option: string | undefined): string {
  const fromShell = [process.env.AWS_REGION, process.env.AWS_DEFAULT_REGION].find(
    (one) => one !== undefined && regionForm.test(one),
  );
  const region = option ?? fromShell ?? 'us-east-1';
  if (regionForm.test(region)) return region;
  throw new UsageError(`--region ${JSON.stringify(region)}: expected one such as us-east-1`);
}

/** A shell behind a proxy would send our own address there. */
function proxyExceptions(): Variables {
  const { http_proxy, HTTP_PROXY, all_proxy, ALL_PROXY, no_proxy, NO_PROXY } = process.env;
  if (!(http_proxy || HTTP_PROXY || all_proxy || ALL_PROXY)) return {};
  const except = (list: string | undefined) => {
    const hosts = (list ?? '')
      .split(',')
      .map((host) => host.trim())
      .filter(Boolean);
    return hosts.includes('127.0.0.1') || hosts.includes('*')
      ? hosts.join(',')
      : [...hosts, '127.0.0.1'].join(',');
  };
  return { NO_PROXY: except(NO_PROXY ?? no_proxy), no_proxy: except(no_proxy ?? NO_PROXY) };
}

function asShell(variables: Variables): string {
  const exports = Object.entries(variables).map(([name, value]) => `export ${name}=${shellWord(value)}`);
  return [...exports, `unset ${harmful.join(' ')}`].join('\n');
}

function asJson(variables: Variables): string {
  return JSON.stringify(variables, null, 2);
}

/** Access keys may stand in the config file as well; a service's endpoint may stand only there. */
function asProfile(variables: Variables, dataDirectory: string): string {
  return `
# Limber. Append this to ~/.aws/config, then: aws --profile ${profileName} elasticache describe-cache-clusters
# (the AWS CLI 2.13 or 1.29 and newer; before, also give --endpoint-url). Made by: ${limberCommand(dataDirectory, 'env --format profile')}
[profile ${profileName}]
region = ${variables.AWS_REGION}
aws_access_key_id = ${variables.AWS_ACCESS_KEY_ID}
aws_secret_access_key = ${variables.AWS_SECRET_ACCESS_KEY}
services = ${profileName}

[services ${profileName}]
elasticache =
  endpoint_url = ${variables.AWS_ENDPOINT_URL_ELASTICACHE}`;
}
