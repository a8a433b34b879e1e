/**
 * What Apache Kafka 4.4.0's own classes (metrics.stats.Rate and TokenBucket, with QuotaUtils' formula) answer: after each event, [ms since the first,
 * value recorded, throttle time in ms].
 */
export interface KafkaFigures {
  readonly samples: number;
  readonly sampleSeconds: number;
  readonly limit: number;
  readonly events: readonly (readonly [atMs: number, value: number, throttleMs: number])[];
}

// biome-ignore format: one row, one line
export const RATES: Readonly<Record<string, KafkaFigures>> = {
  'one burst': { samples: 11, sampleSeconds: 1, limit: 1000, events: [[0, 25000, 15000]] },
  'even': { samples: 11, sampleSeconds: 1, limit: 1000, events: [[0, 5000, 0], [500, 5000, 0], [1000, 5000, 5000], [1900, 1000, 5100], [2500, 0, 5500], [6000, 1, 6001], [10999, 4000, 9002], [11000, 100, 9101], [11500, 100, 0], [12000, 100, 0], [13000, 5000, 0]] },
  'sleep': { samples: 11, sampleSeconds: 1, limit: 1000, events: [[0, 20000, 10000], [9000, 10, 10010], [10999, 10, 9021], [20000, 500, 0], [32000, 30000, 20000], [60000, 11000, 1000]] },
  'small windows': { samples: 3, sampleSeconds: 2, limit: 10, events: [[0, 100, 6000], [1999, 10, 5001], [2000, 10, 8000], [3000, 0, 7000], [4100, 50, 12900], [5999, 1, 11101], [6000, 1, 11200], [7000, 1, 10300], [8100, 60, 6200], [9000, 1, 6500], [14200, 1, 0]] },
  'fraction': { samples: 11, sampleSeconds: 1, limit: 0.5, events: [[0, 1, 0], [100, 7, 5900], [200, 3, 11800], [1300, 5, 21700]] },
  'random': { samples: 11, sampleSeconds: 1, limit: 1500, events: [[164, 1485, 0], [444, 2254, 0], [593, 2850, 0], [893, 2712, 0], [1404, 1495, 0], [2265, 738, 0], [2544, 2842, 0], [3327, 1051, 122], [3431, 1239, 844], [10007, 1811, 1475], [10880, 679, 2055], [11015, 2492, 3581], [11621, 2646, 4739], [11746, 1880, 5867], [12493, 1333, 1048], [12905, 2289, 2162], [13157, 12, 1918], [14051, 170, 789], [14403, 2208, 1909], [14529, 2157, 1263], [14754, 1896, 2302], [15626, 1305, 3300], [15731, 1529, 4214], [16485, 2652, 6228], [17305, 2114, 7817], [18085, 2221, 9518], [18783, 2176, 10271], [19470, 1786, 11774], [19826, 208, 11557], [20251, 1598, 13197], [20669, 787, 13304], [20895, 2381, 14665], [40254, 745, 0], [40302, 1566, 0], [40474, 1795, 0], [41289, 330, 0], [41952, 1792, 0], [42109, 2754, 0], [42594, 2207, 0], [42617, 405, 0], [43256, 657, 0], [43933, 1281, 0], [44002, 2767, 118], [44478, 1305, 1512], [44954, 1601, 2103], [45144, 148, 2012], [45534, 181, 2743], [46326, 1287, 3809], [46645, 2910, 5430], [47397, 2012, 7019], [48089, 1642, 7422], [48378, 1164, 8909], [49153, 395, 8397], [49237, 2177, 9764], [49574, 420, 10707], [50383, 659, 11338], [51175, 485, 10869], [51894, 1519, 9460], [52441, 1881, 10167], [52876, 665, 10176]] },
};

/** What is too much is refused, and not recorded. */
// biome-ignore format: one row, one line
export const STRICT_BUCKETS: readonly KafkaFigures[] = [
  { samples: 11, sampleSeconds: 1, limit: 2, events: [[0, 10, 0], [0, 20, 0], [0, 1, 4000], [1000, 1, 3000], [3999, 1, 1], [4000, 1, 0], [4100, 3, 400], [30000, 5, 0], [30000, 30, 0], [30000, 1, 6500]] },
  { samples: 3, sampleSeconds: 2, limit: 0.5, events: [[0, 3, 0], [0, 4, 0], [100, 1, 7900], [7990, 1, 10], [8010, 1, 0], [8010, 1, 1990], [8020, 1, 1980]] },
];

/** What is too much is recorded, too. */
// biome-ignore format: one row, one line
export const PERMISSIVE_BUCKETS: readonly KafkaFigures[] = [
  { samples: 11, sampleSeconds: 1, limit: 2, events: [[0, 10, 0], [0, 20, 4000], [0, 1, 4500], [1000, 1, 4000], [3999, 1, 1501], [4000, 1, 2000], [4100, 3, 3400], [30000, 5, 0], [30000, 30, 6500], [30000, 1, 7000]] },
  { samples: 3, sampleSeconds: 2, limit: 0.5, events: [[0, 3, 0], [0, 4, 8000], [100, 1, 9900], [7990, 1, 4010], [8010, 1, 5990], [8010, 1, 7990], [8020, 1, 9980]] },
];
