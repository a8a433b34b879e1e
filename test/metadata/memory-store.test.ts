import { openMemoryStore } from '../../src/metadata/memory-store.ts';
import { storeConformance } from './store-conformance.ts';

storeConformance(openMemoryStore);
