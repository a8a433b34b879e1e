import { parentProcess } from '../../core/child-process.ts';
import { realClock } from '../../core/clock.ts';
import type { FromBroker, ToBroker } from '../../supervisor/broker-messages.ts';
import { messageOf } from '../errors.ts';
import type { BrokerSupervision } from '../run-broker.ts';

/** How long a broker whose supervisor is gone may take for its end. */
const ORPHAN_GRACE_MS = 15_000;

/**
 * Starts and runs a broker for a supervisor: it ends when the supervisor says so, and when that itself has ended. Why it could not start is told
 * there too.
 */
export async function supervised(start: (supervision: BrokerSupervision) => Promise<void>): Promise<void> {
  const supervisor = parentProcess();
  if (!supervisor) throw new Error('this broker was to be supervised, and is not');
  const tell = (message: FromBroker) => supervisor.send(message);
  const stop = new Promise<string>((resolve) => {
    supervisor.onMessage((message) => {
      if ((message as ToBroker).kind === 'stop') resolve('the cluster');
    });
    supervisor.onGone(() => {
      resolve('the supervisor is gone');
      realClock.after(ORPHAN_GRACE_MS, () => process.exit(1));
    });
  });
  try {
    await start({ stop, serving: ({ listeners }) => void tell({ kind: 'ready', listeners }) });
  } catch (error) {
    await tell({ kind: 'failed', message: messageOf(error) });
    throw error;
  } finally {
    supervisor.release();
  }
}
