/** A Limber in small: starts the nodes that it is told, says their handles, and waits for its end. */
import { systemClock } from '../../src/platform/clock.ts';
import { silentLog } from '../../src/platform/log.ts';
import { createProcessRuntime } from '../../src/runtime/process/process-runtime.ts';
import { answersAt, fakeEngine } from './support.ts';

const [dataDirectory = '', ...places] = process.argv.slice(2);
const runtime = createProcessRuntime({ dataDirectory, clock: systemClock, log: silentLog });
const handles = await Promise.all(
  places.map(async (place) => {
    const [incarnation = '', address = ''] = place.split('@');
    await runtime.prepare(incarnation);
    return runtime.start(fakeEngine(incarnation, 'listen', address), {
      isReady: answersAt(address),
      deadlineMs: 20_000,
      onSpawned: async () => {},
    });
  }),
);
console.log(JSON.stringify(handles));
setInterval(() => {}, 60_000);
