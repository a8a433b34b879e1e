import type { Progress } from '../../conformance/conformance.ts';
import type { Clock } from '../../core/clock.ts';
import type { Output } from '../output.ts';

const TERMINAL_EVERY_MS = 100;
const PIPE_EVERY_MS = 10_000;

/** Shows how far it is: one line that changes on a terminal, now and then a line in a pipe. `done` removes the line of the terminal. */
export function progressOn(output: Output, clock: Clock): { show(progress: Progress): void; done(): void } {
  let shownAtMs = output.isTerminal ? Number.NEGATIVE_INFINITY : clock.monotonicMs();
  let isShown = false;
  return {
    show({ runs, of, brokenOff, last }) {
      const now = clock.monotonicMs();
      if (now - shownAtMs < (output.isTerminal ? TERMINAL_EVERY_MS : PIPE_EVERY_MS)) return;
      shownAtMs = now;
      const broken = brokenOff > 0 ? `, ${brokenOff} broke off` : '';
      const text = `${runs} of ${of} runs${broken}${last ? `: ${last.scenario.name} v${last.version}` : ''}`;
      if (output.isTerminal) {
        output.text(`\r\x1b[K${text.slice(0, Math.max(20, (output.columns ?? 80) - 1))}`);
        isShown = true;
      } else output.line(text);
    },
    done() {
      if (isShown) output.text('\r\x1b[K');
      isShown = false;
    },
  };
}
