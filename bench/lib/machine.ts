/** What ran the measurement, without names of hosts, people or folders. */
import { cpus, loadavg, release, totalmem } from 'node:os';

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  /** When the suite began: what else ran there. */
  readonly loadAverage: number;
}

export function describeMachine(): Machine {
  const [first] = cpus();
  return {
    processor: first?.model.trim() ?? process.arch,
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release().replace(/^(\d+\.\d+).*$/, '$1'),
    node: process.versions.node,
    loadAverage: Math.round((loadavg()[0] ?? 0) * 10) / 10,
  };
}
