import type { ActionDeps } from '../action.ts';
import { describeEvents } from './describe-events.ts';

export const eventActions = (deps: ActionDeps) => ({
  DescribeEvents: describeEvents(deps),
});
