import { missingPrograms } from './apache-kafka.ts';

const { CI } = process.env;
const missing = missingPrograms();

/** Apache Kafka cannot run here; in CI that is a failure, elsewhere its tests are left out, with a word. */
export const withoutKafka = missing.length > 0 && CI !== 'true' && CI !== '1';
if (withoutKafka) process.stderr.write(`\nNOT TESTED with Apache Kafka: ${missing.join(' and ')} not found on this machine.\n`);
