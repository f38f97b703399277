/** ElastiCache's API: a signed Query request at `/`, answered in XML. */
import { ServiceError } from '../model/service-errors.ts';
import { decodeUtf8, type FormParams, parseForm } from '../protocol/form.ts';
import {
  type ActionName,
  apiVersion,
  decodeInput,
  encodeOutput,
  isActionName,
} from '../protocol/query/index.ts';
import { endXml, endXmlError, userError } from './answer.ts';
import { authenticate } from './authenticate.ts';
import type { ActionHandler, RequestContext } from './contract.ts';
import type { Exchange, FrontDoorSettings } from './exchange.ts';

export async function answerQuery(settings: FrontDoorSettings, exchange: Exchange): Promise<void> {
  const startedAt = settings.clock.monotonic();
  const { response, requestId } = exchange;
  let action = '';
  let context: RequestContext | undefined;
  try {
    const signed = await authenticate(settings, exchange, 'elasticache');
    context = signed.context;
    const params = requestParams(exchange, signed.body);
    action = requestedAction(params);
    endXml(response, 200, await runAction(settings, action as ActionName, params, context));
  } catch (error) {
    const shown = userError(settings, exchange, error);
    if (shown) endXmlError(exchange, shown);
    settings.log.debug('request refused', { requestId, action, code: shown?.code, reason: shown?.message });
    return;
  }
  const { account, region } = context;
  settings.log.debug('request answered', {
    requestId,
    action,
    account,
    region,
    ms: settings.clock.monotonic() - startedAt,
  });
}

/** The query and, for POST, the form in the body; a name in both is refused where it is decoded. */
function requestParams({ request }: Exchange, body: Buffer): FormParams {
  const { method, url = '' } = request;
  const mark = url.indexOf('?');
  const query = mark < 0 ? [] : parseForm(url.slice(mark + 1));
  if (method !== 'POST' || body.length === 0) return query;
  const type = request.headers['content-type'] ?? '';
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(type)) {
    throw new ServiceError(
      'MalformedQueryString',
      'The Content-Type must be application/x-www-form-urlencoded.',
    );
  }
  return [...query, ...parseForm(decodeUtf8(body))];
}

function requestedAction(params: FormParams): ActionName {
  const action = protocolParam(params, 'Action');
  const version = protocolParam(params, 'Version') || apiVersion;
  if (!action) throw new ServiceError('MissingAction', 'The request must contain the parameter Action.');
  if (version !== apiVersion || !isActionName(action)) {
    const asked = `${action.slice(0, 128)} for version ${version.slice(0, 32)}`;
    throw new ServiceError('InvalidAction', `Could not find operation ${asked}`);
  }
  return action;
}

function protocolParam(params: FormParams, name: string): string | undefined {
  const given = params.filter(([known]) => known === name);
  if (given.length > 1) {
    throw new ServiceError('InvalidParameterValue', `The parameter ${name} is given more than once.`);
  }
  return given[0]?.[1];
}

async function runAction<A extends ActionName>(
  settings: FrontDoorSettings,
  action: A,
  params: FormParams,
  context: RequestContext,
): Promise<string> {
  const handler = settings.actions[action] as ActionHandler<A> | undefined;
  if (!handler) throw new ServiceError('InvalidAction', `Limber does not have ${action} yet.`);
  const output = await handler(decodeInput(action, params), context);
  return encodeOutput(action, output, context.requestId);
}
