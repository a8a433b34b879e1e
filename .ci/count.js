// Reads vitest's JSON report and prints `N passed, N failed`. What no test accounts for counts as one failure each: a file that
// could not be loaded, an error outside of all tests, a run that left no report.
//   node .ci/count.js REPORT EXIT-CODE
import { readFileSync } from 'node:fs';

const [path, exitCode] = process.argv.slice(2);

function read() {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null;
  }
}

const report = read();
const passed = report?.numPassedTests ?? 0;
const unloaded =
  report?.testResults.filter((file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'))
    .length ?? 0;
let failed = (report?.numFailedTests ?? 0) + unloaded;
if (failed === 0 && (exitCode !== '0' || passed === 0)) failed = 1;
process.stdout.write(`${passed} passed, ${failed} failed\n`);
