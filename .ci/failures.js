// Prints each failed test of vitest's JSON reports in a folder, with the beginning of what it says, so that a long log ends with what matters.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const LINES = 25;
const folder = process.argv[2];

for (const name of readdirSync(folder).sort()) {
  let report;
  try {
    report = JSON.parse(readFileSync(join(folder, name), 'utf8'));
  } catch {
    continue; // its suite was killed while it wrote
  }
  for (const file of report.testResults ?? []) {
    const failed = (file.assertionResults ?? []).filter(({ status }) => status === 'failed');
    if (file.status === 'failed' && failed.length === 0) tell(name, file.name, file.message);
    for (const { fullName, failureMessages } of failed) tell(name, `${file.name} > ${fullName}`, failureMessages.join('\n'));
  }
}

function tell(suite, what, message = '') {
  console.log(`\nFAILED in ${suite.replace(/\.json$/, '')}: ${what}`);
  for (const line of message.split('\n').slice(0, LINES)) console.log(`  ${line}`);
}
