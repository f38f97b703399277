/** The AWS Query wire of ElastiCache's API, version 2015-02-02. Knows nothing of caches. */
export {
  type ActionInput,
  type ActionName,
  type ActionOutput,
  actionNames,
  apiVersion,
  isActionName,
} from './actions.ts';
export { decodeInput } from './decode.ts';
export { encodeError, encodeOutput } from './encode.ts';
