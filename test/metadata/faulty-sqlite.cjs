// The SQLite driver, failing as the file `<database>.fault` says: a line `WHEN STATEMENT WHAT`, WHEN being before or after, WHAT being die, wait,
// or an error code of SQLite. The statement fails once, except that `wait` lasts until the file is gone. Loaded by the store's thread.
const { existsSync, readFileSync, rmSync } = require('node:fs');
const { workerData } = require('node:worker_threads');
const real = require(workerData.path.endsWith('.db') && readFileSync(`${workerData.path}.driver`, 'utf8'));

const file = `${workerData.path}.fault`;
const sleeping = new Int32Array(new SharedArrayBuffer(4));

function fail(when, sql) {
  let fault = '';
  try {
    fault = readFileSync(file, 'utf8');
  } catch {
    // None.
  }
  const [expected, statement, what] = fault.split(' ');
  if (expected !== when || statement !== sql.split(' ')[0]) return;
  if (what === 'wait') {
    while (existsSync(file)) Atomics.wait(sleeping, 0, 0, 5);
    return;
  }
  rmSync(file);
  if (what === 'die') process.exit(7);
  throw Object.assign(new Error(`fault ${what}`), { errcode: Number(what) });
}

exports.DatabaseSync = class extends real.DatabaseSync {
  exec(sql) {
    fail('before', sql);
    super.exec(sql);
    fail('after', sql);
  }
};
