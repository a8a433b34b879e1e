export type FaultyOperation = 'open' | 'read' | 'write' | 'truncate' | 'sync' | 'replace' | 'rename' | 'remove' | 'makeDirectory' | 'list';

/** Instead of an error: a read that ends early, though the file goes on. */
export const SHORT_READ = 'SHORT_READ';

export interface Fault {
  /** Only for paths that contain this; default all. */
  readonly path?: string;
  /** For `write`: how much of it reaches the file before it fails. For a short read: how much is read. Default 0. */
  readonly prefixBytes?: number;
  /** How often; default once. */
  readonly times?: number;
  /** For `sync`: what was written before it can still become durable. Default false, as the kernel forgets pages that it could not write. */
  readonly losesNothing?: boolean;
}

type Armed = Fault & { readonly operation: FaultyOperation; readonly error: NodeJS.ErrnoException | string; left: number };

/** Which operations of a disk in memory fail, and how. */
export class MemoryFaults {
  private armed: Armed[] = [];
  private broken: { readonly path: string; readonly error: NodeJS.ErrnoException | string }[] = [];

  failNext(operation: FaultyOperation, error: NodeJS.ErrnoException | string, fault: Fault): void {
    this.armed.push({ ...fault, operation, error, left: fault.times ?? 1 });
  }

  failAll(path: string, error: NodeJS.ErrnoException | string): () => void {
    const broken = { path, error };
    this.broken.push(broken);
    return () => {
      this.broken = this.broken.filter((each) => each !== broken);
    };
  }

  /** Faults that wait; what is broken stays broken. */
  forget(): void {
    this.armed = [];
  }
  get waiting(): number {
    return this.armed.length;
  }

  isBroken(path: string): boolean {
    return this.broken.some((each) => path.includes(each.path));
  }

  /** Throws the first fault that waits for this operation on this path; `before` is called with what it does beyond that. */
  mayFail(operation: FaultyOperation, path: string, before?: (fault: Fault) => void): void {
    if (this.armed.length === 0 && this.broken.length === 0) return;
    const broken = this.broken.find((each) => path.includes(each.path));
    if (broken) {
      before?.({});
      throw errorOf(broken.error, operation, path);
    }
    const fault = this.take(operation, path, (each) => each.error !== SHORT_READ);
    if (!fault) return;
    before?.(fault);
    throw errorOf(fault.error, operation, path);
  }

  /** How many bytes a read of a handle may give; null: all of them. */
  shorten(path: string): number | null {
    this.mayFail('read', path);
    if (this.armed.length === 0) return null;
    const fault = this.take('read', path, (each) => each.error === SHORT_READ);
    return fault ? (fault.prefixBytes ?? 0) : null;
  }

  private take(operation: FaultyOperation, path: string, isMeant: (fault: Armed) => boolean): Armed | undefined {
    const fault = this.armed.find((each) => each.operation === operation && path.includes(each.path ?? '') && isMeant(each));
    if (fault && --fault.left <= 0) this.armed = this.armed.filter((each) => each !== fault);
    return fault;
  }
}

function errorOf(error: NodeJS.ErrnoException | string, syscall: string, path: string): NodeJS.ErrnoException {
  return typeof error === 'string' ? failure(error, syscall, path) : error;
}

export function failure(code: string, syscall: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${syscall} '${path}'`), { code, syscall, path });
}
