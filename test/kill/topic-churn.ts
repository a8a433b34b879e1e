import { buildBatch } from '../../src/protocol/records/build.ts';
import { Peer } from '../kafka/peer.ts';
import { PeerWorker } from './peer-worker.ts';

const PARTITIONS = 2;
const RECORDS_A_BATCH = 5;

interface Churned {
  /** `creating` and `deleting` were asked for and not answered. */
  state: 'absent' | 'creating' | 'present' | 'deleting';
  /** Which of those that had this name: a record's value begins with it. */
  incarnation: number;
  sent: number;
  acknowledged: number;
}

/** Creates topics, writes to them, deletes them, and takes their names again. */
export class TopicChurn extends PeerWorker {
  created = 0;
  deleted = 0;
  records = 0;
  private readonly random: () => number;
  private readonly topics: ReadonlyMap<string, Churned>;

  constructor(names: readonly string[], pauseMs: number, random: () => number) {
    super(pauseMs);
    this.random = random;
    this.topics = new Map(names.map((name) => [name, { state: 'absent', incarnation: 0, sent: 0, acknowledged: 0 }]));
  }

  /** Deletes whatever is there. Not while it works. */
  async deleteAll(port: number): Promise<void> {
    const peer = await Peer.open(port);
    for (const [name, topic] of this.topics) if (topic.state === 'present') await this.delete(peer, name, topic);
    await peer.close();
  }

  /** What the broker has that it must not, or lacks, in words. What it has of what was in doubt counts from now on. */
  async check(port: number): Promise<string[]> {
    const peer = await Peer.open(port);
    const there = await peer.topicIds();
    const wrong: string[] = [];
    for (const [name, topic] of this.topics) {
      const is = there.has(name);
      if (topic.state === 'present' && !is) wrong.push(`${name} was created and is not there`);
      if (topic.state === 'absent' && is) wrong.push(`${name} was deleted and is there`);
      topic.state = is ? 'present' : 'absent';
      if (is) wrong.push(...(await this.checkRecords(peer, name, topic)));
    }
    await peer.close();
    return wrong;
  }

  private async checkRecords(peer: Peer, name: string, topic: Churned): Promise<string[]> {
    const read = (await peer.readAll(name, 0)).map(({ value }) => Buffer.from(value ?? []).toString());
    const strange = read.find((value, n) => value !== `${topic.incarnation}/${n}`);
    if (strange !== undefined) return [`${name}: ${strange} is read at ${read.indexOf(strange)} in incarnation ${topic.incarnation}`];
    const rest = await peer.readAll(name, PARTITIONS - 1);
    if (rest.length > 0) return [`${name}-${PARTITIONS - 1}: ${rest.length} records are there, none was sent`];
    if (read.length < topic.acknowledged) return [`${name}: ${read.length} records are there, ${topic.acknowledged} were acknowledged`];
    if (read.length > topic.sent) return [`${name}: ${read.length} records are there, ${topic.sent} were sent`];
    topic.sent = topic.acknowledged = read.length;
    return [];
  }

  protected async step(peer: Peer): Promise<void> {
    const names = [...this.topics.keys()];
    const name = names[Math.floor(this.random() * names.length)]!;
    const topic = this.topics.get(name)!;
    if (topic.state === 'absent') await this.create(peer, name, topic);
    else if (this.random() < 0.4) await this.delete(peer, name, topic);
    else await this.append(peer, name, topic);
  }

  private async create(peer: Peer, name: string, topic: Churned): Promise<void> {
    Object.assign(topic, { state: 'creating', incarnation: topic.incarnation + 1, sent: 0, acknowledged: 0 });
    await peer.createTopic(name, PARTITIONS);
    topic.state = 'present';
    this.created++;
    await this.append(peer, name, topic);
  }

  private async append(peer: Peer, name: string, topic: Churned): Promise<void> {
    const first = topic.sent;
    const values = Array.from({ length: RECORDS_A_BATCH }, (_, i) => Buffer.from(`${topic.incarnation}/${first + i}`));
    topic.sent += RECORDS_A_BATCH;
    const { errorCode } = await peer.produce(name, 0, buildBatch({ records: values.map((value) => ({ value, timestamp: Date.now() })) }));
    if (errorCode !== 0) throw new Error(`${name}: Produce is answered with ${errorCode}`);
    topic.acknowledged = topic.sent;
    this.records += RECORDS_A_BATCH;
  }

  private async delete(peer: Peer, name: string, topic: Churned): Promise<void> {
    topic.state = 'deleting';
    await peer.deleteTopic(name);
    topic.state = 'absent';
    this.deleted++;
  }
}
