import type { ActionDeps } from '../action.ts';
import { addTagsToResource, listTagsForResource, removeTagsFromResource } from './tags.ts';

export const tagActions = (deps: ActionDeps) => ({
  AddTagsToResource: addTagsToResource(deps),
  ListTagsForResource: listTagsForResource(deps),
  RemoveTagsFromResource: removeTagsFromResource(deps),
});
