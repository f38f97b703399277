/** Limber's own API for its CLI: `POST /admin/<name>`, JSON in and out, signed for the service `limber`. */
import { ServiceError } from '../model/service-errors.ts';
import { endJson, endJsonError, userError } from './answer.ts';
import { authenticate } from './authenticate.ts';
import type { Exchange, FrontDoorSettings } from './exchange.ts';

export async function answerAdmin(
  settings: FrontDoorSettings,
  exchange: Exchange,
  name: string,
): Promise<void> {
  const { requestId } = exchange;
  try {
    const { body, context } = await authenticate(settings, exchange, 'limber');
    const routes = settings.adminRoutes ?? {};
    const handler = Object.hasOwn(routes, name) ? routes[name] : undefined;
    if (!handler) throw new ServiceError('UnknownOperationException', `Limber has no admin command ${name}.`);
    const result = await handler(parseJson(body), context);
    endJson(exchange.response, 200, result ?? {});
  } catch (error) {
    const shown = userError(settings, exchange, error);
    if (shown) endJsonError(exchange, shown);
    settings.log.debug('admin request refused', {
      requestId,
      name,
      code: shown?.code,
      reason: shown?.message,
    });
  }
}

function parseJson(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw new ServiceError('ValidationError', 'The request body is not JSON.');
  }
}
