import { AlterClientQuotas, DescribeClientQuotas } from '../../protocol/messages/index.ts';
import { scenario } from '../scenario.ts';
import {
  type AlterStage,
  alteration,
  clearQuotas,
  type DescribeStage,
  describedBy,
  entityOf,
  exactly,
  lookAt,
  ownAddress,
  showAltered,
  showDescribed,
  withAddresses,
} from './quota-support.ts';

const P = 'producer_byte_rate';
const C = 'consumer_byte_rate';
const R = 'request_percentage';
const M = 'controller_mutation_rate';
const I = 'connection_creation_rate';

/** Steps of AlterClientQuotas, and what holds after them. */
function altering(stage: AlterStage, addresses: readonly string[] = []) {
  const show = withAddresses(addresses, showAltered(stage));
  return {
    change: (name: string, ...entries: ReturnType<typeof alteration>[]) => stage.step(name, { entries, validateOnly: false }, show),
    validate: (name: string, ...entries: ReturnType<typeof alteration>[]) => stage.step(name, { entries, validateOnly: true }, show),
  };
}

export const alterClientQuotasScenarios = [
  scenario(AlterClientQuotas, 'what is set and removed', async (stage) => {
    const { change, validate } = altering(stage);
    const [user, app] = [stage.name('user'), stage.name('app')];
    try {
      await change('a user', alteration({ user }, { [P]: 1000, [C]: 2_000_000, [R]: 12.5, [M]: 0.25 }));
      await lookAt(stage, 'the user', { user }, { [P]: 1000, [C]: 2_000_000, [R]: 12.5, [M]: 0.25 });
      await change('one of its keys', alteration({ user }, { [P]: 5 }));
      await lookAt(stage, 'the user then', { user }, { [P]: 5, [C]: 2_000_000, [R]: 12.5, [M]: 0.25 });
      await change('what it is already', alteration({ user }, { [P]: 5 }));
      await validate('validated only', alteration({ user }, { [P]: 7 }));
      await validate('validated only, and wrong', alteration({ user }, { [P]: -7 }));
      await change('nothing of it', alteration({ user }, {}));
      await change('set and removed', alteration({ user }, { [P]: 6, [C]: null, [R]: null }));
      await lookAt(stage, 'what is left', { user }, { [P]: 6, [M]: 0.25 });
      await change('removed again', alteration({ user }, { [C]: null }));
      await change('removed, though nobody knows it', alteration({ user }, { 'no.such.key': null }));
      await change('a client id', alteration({ 'client-id': app }, { [P]: 1 }));
      await change('a client id of a user', alteration({ user, 'client-id': app }, { [C]: 2 }));
      await change('the same, named the other way round', alteration({ 'client-id': app, user }, { [R]: 3 }));
      await change('the default client id of a user', alteration({ user, 'client-id': null }, { [M]: 4 }));
      await lookAt(stage, 'the client id of the user', { user, 'client-id': app }, { [C]: 2, [R]: 3 });
      await lookAt(stage, 'the default client id of the user', { user, 'client-id': null }, { [M]: 4 });
      await change('nothing at all');
      await change(
        'all of them removed',
        alteration({ user }, { [P]: null, [M]: null }),
        alteration({ 'client-id': app }, { [P]: null }),
        alteration({ user, 'client-id': app }, { [C]: null, [R]: null }),
        alteration({ user, 'client-id': null }, { [M]: null }),
      );
      await lookAt(stage, 'nothing of the user', { user }, {});
    } finally {
      await clearQuotas(stage, { user }, { 'client-id': app }, { user, 'client-id': app }, { user, 'client-id': null });
    }
  }),

  scenario(AlterClientQuotas, 'values', async (stage) => {
    const { validate } = altering(stage);
    const user = stage.name('user');
    const values = [0, -1, 0.5, 1e-7, 1.000001, 1.0000011, 2 ** 31, 2 ** 63, 2 ** 63 + 2048, 1e300];
    const odd = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const key of [P, C, R, M]) for (const value of values) await validate(`${key} ${value}`, alteration({ user }, { [key]: value }));
    for (const value of odd) await validate(`${P} ${value}`, alteration({ user }, { [P]: value }));
    const ip = ownAddress(stage, 1);
    const { validate: validateOfIp } = altering(stage, [ip]);
    for (const value of [1, 0, 1.5, 2 ** 31 - 1, 2 ** 31]) await validateOfIp(`${I} ${value}`, alteration({ ip }, { [I]: value }));
  }),

  scenario(AlterClientQuotas, 'what is refused', async (stage) => {
    const { change, validate } = altering(stage);
    const [user, app] = [stage.name('user'), stage.name('app')];
    try {
      await change('an unknown key', alteration({ user }, { 'no.such.key': 1 }));
      await change('an unknown key beside a good one', alteration({ user }, { [P]: 1, 'no.such.key': 1 }));
      await change('a bad value beside a good one', alteration({ user }, { [P]: 1, [C]: 0 }));
      await lookAt(stage, 'neither is set', { user }, {});
      await change('an entity without parts', alteration({}, { [P]: 1 }));
      await change('a type that does not exist', alteration({ topic: user }, { [P]: 1 }));
      await change('the same by default', alteration({ topic: null }, { [P]: 1 }));
      await change('the same without changes', alteration({ topic: user }, {}));
      await change('a type without a name', alteration({ '': user }, { [P]: 1 }));
      await change('a name that is empty', alteration({ user: '' }, { [P]: 1 }));
      await change('a client id that is empty', alteration({ user, 'client-id': '' }, { [P]: 1 }));
      await change('a key of ips for a user', alteration({ user }, { [I]: 1 }));
      await change('a key of ips for a client id', alteration({ 'client-id': app }, { [I]: 1 }));
      await change('a key of SCRAM credentials', alteration({ user }, { 'SCRAM-SHA-256': 1 }));
      await change('a type twice', {
        entity: [...entityOf({ user: app }), ...entityOf({ user })],
        ops: [{ key: P, value: 3, remove: false }],
      });
      await lookAt(stage, 'the one that is named last', { user }, { [P]: 3 });
      const twice = [4, 5].map((value) => ({ key: P, value, remove: false }));
      await change('a key twice', { entity: entityOf({ user }), ops: twice });
      await change(
        'good ones beside bad ones',
        alteration({ user }, { [P]: 6 }),
        alteration({ user: app }, { [P]: 0 }),
        alteration({ 'client-id': app }, { [P]: 7 }),
      );
      await lookAt(stage, 'the first good one', { user }, { [P]: 6 });
      await lookAt(stage, 'the bad one', { user: app }, {});
      await lookAt(stage, 'the last good one', { 'client-id': app }, { [P]: 7 });
      await validate('an entity twice', alteration({ user }, { [P]: 8 }), alteration({ user }, { [C]: 9 }));
      await change('an entity twice, really', alteration({ user }, { [P]: 8 }), alteration({ user }, { [C]: 9 }));
      await stage.pause(50);
      await lookAt(stage, 'what an entity twice has done', { user }, null);
    } finally {
      await clearQuotas(stage, { user }, { user: app }, { 'client-id': app });
    }
  }),

  scenario(AlterClientQuotas, 'of ips', async (stage) => {
    const [four, six] = [ownAddress(stage, 4), ownAddress(stage, 6)];
    const { change, validate } = altering(stage, [four, six]);
    try {
      await change('an address', alteration({ ip: four }, { [I]: 1000 }));
      await change('an IPv6 address', alteration({ ip: six }, { [I]: 2000 }));
      await lookAt(stage, 'the address', { ip: four }, { [I]: 1000 }, [four, six]);
      await lookAt(stage, 'the IPv6 address', { ip: six }, { [I]: 2000 }, [four, six]);
      await validate('the default', alteration({ ip: null }, { [I]: 1_000_000 }));
      await change('a key of clients', alteration({ ip: four }, { [P]: 1 }));
      await change('beside a user', alteration({ ip: four, user: stage.name('user') }, { [I]: 1 }));
      await change('beside a client id', alteration({ ip: four, 'client-id': null }, { [P]: 1 }));
      await change('an empty one', alteration({ ip: '' }, { [I]: 1 }));
      for (const ip of ['not an address', '192.0.2.1/24', '192.0.2.1.5', '300.0.2.1', '[192.0.2.1', 'no.such.host.invalid'])
        await change(`"${ip}"`, alteration({ ip }, { [I]: 1 }));
      await validate('an IPv4 address as IPv6', alteration({ ip: '::ffff:192.0.2.1' }, { [I]: 1 }));
      await validate('a name', alteration({ ip: 'localhost' }, { [I]: 1 }));
      await validate('an address of three numbers', alteration({ ip: '192.0.2' }, { [I]: 1 }));
    } finally {
      await clearQuotas(stage, { ip: four }, { ip: six });
    }
  }),

  scenario(
    AlterClientQuotas,
    'the defaults of everybody',
    async (stage) => {
      const { change } = altering(stage);
      const all = [{ user: null }, { 'client-id': null }, { user: null, 'client-id': null }];
      try {
        // So much that nobody notices.
        await change('set', ...all.map((entity) => alteration(entity, { [P]: 2 ** 50 })), alteration({ ip: null }, { [I]: 2 ** 30 }));
        for (const entity of all) await lookAt(stage, Object.keys(entity).join(' and '), entity, { [P]: 2 ** 50 });
        await lookAt(stage, 'ip', { ip: null }, { [I]: 2 ** 30 });
      } finally {
        await clearQuotas(stage, ...all, { ip: null });
      }
    },
    AlterClientQuotas.versions,
    { disturbs: true },
  ),
];

export const describeClientQuotasScenarios = [
  scenario(DescribeClientQuotas, 'filters', async (stage) => {
    const [user, app, other] = [stage.name('user'), stage.name('app'), stage.name('other')];
    const entities = [{ user }, { user, 'client-id': app }, { user, 'client-id': null }, { 'client-id': app }, { user: other }];
    const look = (name: string, components: ReturnType<typeof exactly>[], strict = false) =>
      stage.step(name, { components, strict }, showDescribed(stage));
    const anyOf = (entityType: string) => ({ entityType, matchType: 2, match: null });
    const byDefault = (entityType: string) => ({ entityType, matchType: 1, match: null });
    try {
      await stage.ask(AlterClientQuotas, 1, {
        entries: entities.map((each, i) => alteration(each, { [P]: i + 1, [R]: 50 })),
        validateOnly: false,
      });
      await describedBy(stage, { user: other }, { [P]: 5, [R]: 50 });
      await look('a user', [exactly('user', user)]);
      await look('a user alone', [exactly('user', user)], true);
      await look('a client id', [exactly('client-id', app)]);
      await look('a client id alone', [exactly('client-id', app)], true);
      await look('both', [exactly('user', user), exactly('client-id', app)]);
      await look('both, the other way round, alone', [exactly('client-id', app), exactly('user', user)], true);
      await look('a user and any client id', [exactly('user', user), anyOf('client-id')]);
      await look('a user and the default client id', [exactly('user', user), byDefault('client-id')]);
      await look('any user', [anyOf('user')]);
      await look('any user alone', [anyOf('user')], true);
      await look('the default user and a client id', [byDefault('user'), exactly('client-id', app)]);
      await look('a user that has none', [exactly('user', stage.name('nobody'))]);
      await look('a name that is empty', [exactly('user', '')]);
      await look('any ip', [anyOf('ip')]);
      await look('what is no address', [exactly('ip', 'not an address')]);
      await look('everything', []);
      await look('everything without parts', [], true);
    } finally {
      await clearQuotas(stage, ...entities);
    }
  }),

  scenario(DescribeClientQuotas, 'filters that are refused', async (stage: DescribeStage) => {
    const of = (entityType: string, matchType: number, match: string | null) => ({ entityType, matchType, match });
    const refused: Record<string, ReturnType<typeof of>[]> = {
      'an empty type': [of('', 0, 'a')],
      'a type that does not exist': [of('topic', 0, 'a')],
      'a type twice': [of('user', 0, 'a'), of('user', 1, null)],
      'a type twice that does not exist': [of('topic', 0, 'a'), of('topic', 0, 'b')],
      'an exact match without a name': [of('user', 0, null)],
      'the default with a name': [of('user', 1, 'a')],
      'any with a name': [of('user', 2, 'a')],
      'match 3': [of('user', 3, null)],
      'match -1': [of('user', -1, 'a')],
      'an ip beside a user': [of('ip', 2, null), of('user', 2, null)],
      'an ip beside a client id': [of('client-id', 1, null), of('ip', 0, '192.0.2.1')],
    };
    for (const [name, components] of Object.entries(refused)) {
      await stage.step(name, { components, strict: false });
      await stage.step(`${name}, strictly`, { components, strict: true });
    }
  }),
];
