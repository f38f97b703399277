import type { ActionDeps } from '../action.ts';
import { listAllowedNodeTypeModifications } from './list-allowed-node-type-modifications.ts';

export const nodeTypeActions = (deps: ActionDeps) => ({
  ListAllowedNodeTypeModifications: listAllowedNodeTypeModifications(deps),
});
