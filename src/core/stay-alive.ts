const LONG_MS = 2 ** 30;

/** Keeps this process from ending while nothing but a timer of the Clock, which keeps none alive, is waited for. @returns what ends it */
export function stayAlive(): () => void {
  const timer = setInterval(() => {}, LONG_MS);
  return () => clearInterval(timer);
}
