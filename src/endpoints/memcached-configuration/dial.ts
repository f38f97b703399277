/** Connections to cache nodes. */
import { connect, type Socket } from 'node:net';
import type { ListedNode } from './configuration.ts';

/** A node on the same machine or network accepts within a millisecond; a second is a judgement. */
const dialDeadlineMs = 1_000;

/** Undefined when the node refuses or does not accept in time. */
export function dialNode(node: ListedNode): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: node.ip === '' ? node.host : node.ip, port: node.port });
    const finish = (result: Socket | undefined) => {
      clearTimeout(timer);
      socket.off('error', onError);
      socket.off('connect', onConnect);
      resolve(result);
    };
    const onError = () => finish(undefined);
    const onConnect = () => finish(socket);
    const timer = setTimeout(() => {
      socket.on('error', () => {});
      socket.destroy();
      finish(undefined);
    }, dialDeadlineMs);
    socket.on('error', onError);
    socket.on('connect', onConnect);
  });
}

/** The first of `nodes` that accepts; undefined when none does. */
export async function dialFirst(nodes: readonly ListedNode[]): Promise<Socket | undefined> {
  for (const node of nodes) {
    const socket = await dialNode(node);
    if (socket !== undefined) return socket;
  }
  return undefined;
}
