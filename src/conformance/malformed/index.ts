import type { Scenario } from '../scenario.ts';
import { frameScenarios } from './frames.ts';
import { malformedRequestScenarios } from './requests.ts';
import { rowScenarios } from './rows.ts';

/** What brokers do with requests that no client should send. */
export const malformedScenarios: readonly Scenario[] = [...malformedRequestScenarios, ...frameScenarios, ...rowScenarios];
