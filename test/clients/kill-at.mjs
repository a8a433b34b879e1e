// node kill-at.mjs PID SUFFIX FOLDER..: kills PID at the first file of that kind. A process that does nothing else is there in time.
import { watch } from 'node:fs';

const [pid, suffix, ...folders] = process.argv.slice(2);
for (const folder of folders) {
  watch(folder, (_, name) => {
    if (!name?.endsWith(suffix)) return;
    process.kill(Number(pid), 'SIGKILL');
    process.exit();
  });
}
