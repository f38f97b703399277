/** nodes.conf as an engine writes and reads it: Limber looks into it, and changes it, before a start. */
import type { Known, NodesFile, Owned } from './cluster-state.ts';

export function renderNodesFile({ id, known, owned, currentEpoch, lastVoteEpoch }: NodesFile): string {
  const lines = known.map((one) => {
    const [host, port] = one.endpoint.split(':');
    const slots = owned.filter((range) => range.id === one.id).map(({ start, end }) => ` ${start}-${end}`);
    const flags = `${one.id === id ? 'myself,' : ''}${one.role === 'primary' ? 'master' : 'slave'}`;
    const where = `${host}:${port}@${Number(port) + 10_000}`;
    return `${one.id} ${where} ${flags} ${one.primaryId ?? '-'} 0 0 ${one.epoch} connected${slots.join('')}`;
  });
  return `${lines.join('\n')}\nvars currentEpoch ${currentEpoch} lastVoteEpoch ${lastVoteEpoch}\n`;
}

export function parseNodesFile(text: string): NodesFile | null {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('vars '));
  const [, currentEpoch = '0', lastVoteEpoch = '0'] =
    /^vars currentEpoch (\d+) lastVoteEpoch (\d+)/m.exec(text) ?? [];
  const own = lines.find((line) => line.includes('myself'))?.split(' ')[0];
  if (own === undefined) return null;
  const owned: Owned[] = [];
  const known = lines.map((line): Known => {
    const [id = '', where = '', flags = '', primary = '-', , , epoch = '0', , ...slots] = line.split(' ');
    for (const range of slots) {
      const [start, end = start] = range.split('-').map(Number) as [number, number?];
      owned.push({ start, end, id });
    }
    return {
      ...{ id, endpoint: where.split('@')[0] ?? '', primaryId: primary === '-' ? null : primary },
      ...{ epoch: Number(epoch), health: 'fine', hasOffset: true, votedAt: Number.NEGATIVE_INFINITY },
      role: flags.includes('slave') ? 'replica' : 'primary',
    };
  });
  owned.sort((a, b) => a.start - b.start);
  return { id: own, known, owned, currentEpoch: Number(currentEpoch), lastVoteEpoch: Number(lastVoteEpoch) };
}
