import type { ConfigInfo, ConfigResource } from './config-admin.ts';
import { bold, type Output, printable, writeTable } from './output.ts';

/** A resource with those of its configs that are to be shown. */
export interface DescribedConfigs {
  readonly resource: ConfigResource;
  readonly configs: readonly ConfigInfo[];
}

/** `default` is not the id of a broker, so the name is clear. */
export const DEFAULT_BROKER = 'default';

/** As one would write it on the command line: `topic orders`, `broker 1`, `broker default`. */
export const resourceText = ({ type, name }: ConfigResource): string => `${type} ${name === '' ? DEFAULT_BROKER : name}`;

/** On a terminal a table for each resource; in a pipe a line for each config: type, name, config, value, source. */
export function writeConfigs(output: Output, described: readonly DescribedConfigs[]): void {
  if (!output.isTerminal) {
    const rows = described.flatMap(({ resource, configs }) =>
      configs.map((config) => [...resourceText(resource).split(' '), ...rowOf(config)]),
    );
    writeTable(output, [], rows);
    return;
  }
  for (const [i, { resource, configs }] of described.entries()) {
    if (i > 0) output.line('');
    output.line(bold(resourceText(resource), output));
    if (configs.length === 0) output.line('Nothing is set; --all shows the defaults.');
    else writeTable(output, ['Config', 'Value', 'Source'], configs.map(rowOf));
  }
}

function rowOf({ name, value, sensitive, source }: ConfigInfo): string[] {
  return [name, sensitive ? '(hidden)' : printable(value ?? ''), source];
}

export function configsToJson(described: readonly DescribedConfigs[]): object[] {
  return described.map(({ resource, configs }) => ({ type: resource.type, name: resource.name || DEFAULT_BROKER, configs }));
}
