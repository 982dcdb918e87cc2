/**
 * The two topics: made so that mail stays (G1), and looked at so that nobody believes in a durability that is not there.
 */
import type { Clock } from '../../clock.ts'
import { ConfigError, LedgerError, SinkError } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import type { KafkaClient, TopicDescription, TopicSpecification } from './client.ts'

/** Partitions of a ledger topic that we make; each mailbox has one of them. */
export const LEDGER_PARTITIONS = 32
/** Partitions of a data topic that we make. */
const DATA_PARTITIONS = 4
const MAX_MESSAGE_BYTES = 32 * 1024 * 1024
/** What a broker takes when a topic says nothing: 1 MiB and the overhead of a batch. */
const DEFAULT_MAX_MESSAGE_BYTES = 1_048_588

export const ledgerTopicOf = (topic: string): string => `${topic}.ledger`

function specification(
  topic: string,
  partitions: number,
  brokers: number,
  settings: Record<string, string>,
): TopicSpecification {
  const replicas = Math.max(1, Math.min(3, brokers))
  return {
    ...{ topic, partitions, replicas },
    settings: {
      'max.message.bytes': String(MAX_MESSAGE_BYTES),
      'min.insync.replicas': replicas >= 3 ? '2' : '1',
      'unclean.leader.election.enable': 'false',
      ...settings,
    },
  }
}

const dataTopic = (topic: string, brokers: number): TopicSpecification =>
  specification(topic, DATA_PARTITIONS, brokers, {
    'cleanup.policy': 'delete',
    'retention.ms': '-1',
    'retention.bytes': '-1',
  })

const ledgerTopic = (topic: string, brokers: number): TopicSpecification =>
  specification(ledgerTopicOf(topic), LEDGER_PARTITIONS, brokers, {
    'cleanup.policy': 'compact',
    // The ledger is read whole at each start; the default of one half would leave it twice as long.
    'min.cleanable.dirty.ratio': '0.1',
  })

export interface OpenTopicsOptions {
  readonly client: KafkaClient
  readonly topic: string
  readonly brokers: number
  readonly deletion: boolean
  readonly clock: Clock
  readonly log: Logger
}

export interface Topics {
  readonly data: TopicDescription
  /** Durability of the data topic as the receipt shows it. */
  readonly durabilityNote: string
}

/** Refuses topics that would lose mail or ledger entries, before anything is made; then makes what is missing. */
export async function openTopics(options: OpenTopicsOptions): Promise<Topics> {
  const { client, topic, brokers } = options
  const data = await client.describeTopic(topic)
  const ledger = await client.describeTopic(ledgerTopicOf(topic))
  if (data) refuseCompacted(topic, data, options.deletion)
  if (ledger) assertLedgerTopic(topic, ledger)
  const usable = data ?? (await make(client, dataTopic(topic, brokers)))
  // Asked again: a policy of the cluster may have changed what was wanted.
  if (!ledger) assertLedgerTopic(topic, await make(client, ledgerTopic(topic, brokers)))
  return { data: usable, durabilityNote: durabilityOf(usable, options) }
}

async function make(client: KafkaClient, wanted: TopicSpecification): Promise<TopicDescription> {
  await client.createTopic(wanted)
  const made = await client.describeTopic(wanted.topic)
  if (made) return made
  throw new SinkError(
    'MAILDRAIN_SINK_UNREACHABLE',
    `topic ${wanted.topic} was made and cannot be seen yet; run again`,
  )
}

const policyOf = ({ settings }: TopicDescription): string[] =>
  (settings.get('cleanup.policy') ?? 'delete').split(',').map((policy) => policy.trim())

/** Octets of the largest batch that the topic takes. */
export const maxBatchBytesOf = ({ settings }: TopicDescription): number =>
  Number(settings.get('max.message.bytes') ?? DEFAULT_MAX_MESSAGE_BYTES)

/**
 * A ledger topic that also deletes by age would forget what was delivered, and one that does not compact grows for ever.
 * With another number of partitions every mailbox would look for its entries where they are not.
 */
function assertLedgerTopic(topic: string, ledger: TopicDescription): void {
  const name = ledgerTopicOf(topic)
  const policy = policyOf(ledger)
  if (policy.length !== 1 || policy[0] !== 'compact')
    throw new LedgerError(
      'MAILDRAIN_LEDGER_NOT_COMPACTED',
      `topic ${name} has cleanup.policy=${policy.join(',')}; set it to compact and nothing else`,
    )
  if (ledger.partitions !== LEDGER_PARTITIONS)
    throw new LedgerError(
      'MAILDRAIN_LEDGER_FOREIGN',
      `topic ${name} has ${ledger.partitions} partitions and a ledger has ${LEDGER_PARTITIONS}; drain into another topic, or restore this one`,
    )
}

/** Mail would be deleted from the server, and then by the topic. */
function refuseCompacted(topic: string, data: TopicDescription, deletion: boolean): void {
  const policy = policyOf(data)
  if (!deletion || !policy.includes('compact') || !policy.includes('delete')) return
  throw new ConfigError(
    'MAILDRAIN_CONFIG_TOPIC_COMPACTED',
    `topic ${topic} has cleanup.policy=${policy.join(',')}, under which mail disappears; set it to delete, or drain without deletion`,
  )
}

/** Durability as the receipt shows it; warns of whatever makes mail in the topic less than durable. */
function durabilityOf(data: TopicDescription, { topic, clock, log }: OpenTopicsOptions): string {
  const notes = [...retentionNotes(data, policyOf(data), clock), ...replicaNotes(data)]
  for (const note of notes) log.warn({ topic }, `topic ${topic}: ${note}`)
  return notes.length === 0 ? 'replicated' : `replicated (${notes.join('; ')})`
}

function retentionNotes(
  { settings }: TopicDescription,
  policy: readonly string[],
  clock: Clock,
): string[] {
  if (!policy.includes('delete')) return []
  const notes: string[] = []
  const retentionMs = Number(settings.get('retention.ms') ?? -1)
  if (retentionMs >= 0) {
    const date = new Date(Math.min(8.64e15, clock.now() + retentionMs)).toISOString().slice(0, 10)
    notes.push(`retention.ms=${retentionMs}, the first mail disappears on ${date}`)
  }
  const retentionBytes = Number(settings.get('retention.bytes') ?? -1)
  if (retentionBytes >= 0)
    notes.push(
      `retention.bytes=${retentionBytes}, mail disappears when a partition grows beyond it`,
    )
  return notes
}

function replicaNotes({ replicas, settings }: TopicDescription): string[] {
  const notes: string[] = []
  if (replicas === 1) notes.push('1 replica, a lost disk loses mail')
  else if (Number(settings.get('min.insync.replicas') ?? 1) < 2)
    notes.push('min.insync.replicas=1, mail may be acknowledged by one broker alone')
  if (settings.get('unclean.leader.election.enable') === 'true')
    notes.push('unclean leader election, acknowledged mail may be lost')
  return notes
}
