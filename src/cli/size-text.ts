const UNITS = ['KiB', 'MiB', 'GiB', 'TiB'];

/** A number of bytes for people; `small` names the unit below 1 KiB. */
export function sizeText(bytes: number, small = 'bytes'): string {
  let value = bytes;
  let unit = small;
  for (let i = 0; value >= 1024 && i < UNITS.length; i++) {
    value /= 1024;
    unit = UNITS[i]!;
  }
  return `${unit === small ? value : value.toFixed(1)} ${unit}`;
}
