// Makes a Python environment with the named packages under .cache/ (or MINIKAFKA_CACHE) and prints the path of its interpreter.
//   node scripts/python-env.js kafka-python==3.0.12 lz4==4.4.5
// Exit code 3: no Python here that can make one. PYTHON names another interpreter than python3.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './stale.js';

const NO_PYTHON = 3;
const packages = process.argv.slice(2);
if (packages.length === 0 || !packages.every((each) => /^[\w-]+==\d+(\.\d+)+$/.test(each))) {
  process.stderr.write('usage: node scripts/python-env.js PACKAGE==VERSION..\n');
  process.exit(2);
}

const python = process.env.PYTHON ?? (process.platform === 'win32' ? 'python' : 'python3');
const cache = process.env.MINIKAFKA_CACHE ?? join(root, '.cache');
const folder = join(cache, `venv-${packages.join('-').replaceAll('==', '-')}`);
const interpreter = process.platform === 'win32' ? join(folder, 'Scripts', 'python.exe') : join(folder, 'bin', 'python');
const ready = join(folder, '.ready');

if (!existsSync(ready)) {
  // ensurepip stands in a package of its own on Debian (python3-venv).
  if (spawnSync(python, ['-c', 'import ensurepip, venv'], { stdio: 'ignore' }).status !== 0) {
    process.stderr.write(`${python} with its venv module is not installed\n`);
    process.exit(NO_PYTHON);
  }
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(cache, { recursive: true });
  execFileSync(python, ['-m', 'venv', folder], { stdio: ['ignore', 2, 2] });
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--only-binary=:all:', ...packages];
  execFileSync(interpreter, pip, { stdio: ['ignore', 2, 2] });
  // Written last: an environment whose making broke off is made anew.
  writeFileSync(ready, `${packages.join(' ')}\n`);
}
process.stdout.write(`${interpreter}\n`);
