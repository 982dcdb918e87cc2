/**
 * A look at the ledger topic without fencing whoever drains: what was committed so far, read into a scratch index. No topic
 * is made, no transactional id is touched.
 */
import { LedgerError } from '../../errors.ts'
import { mailboxKey } from '../../identity.ts'
import type { LedgerEntry } from '../../ledger/ledger.ts'
import { openScratchLedger } from '../../ledger/scratch-ledger.ts'
import type { LedgerView, PeekContext } from '../sink.ts'
import type { KafkaClient } from './client.ts'
import { LedgerReading } from './ledger-reading.ts'
import { LedgerRecords, ledgerPartition } from './ledger-topic.ts'
import { readPlace } from './place.ts'
import { LEDGER_PARTITIONS, ledgerTopicOf } from './topics.ts'

/** @throws LedgerError for a ledger topic in which this mailbox cannot be found, SinkError when the brokers are away */
export async function peekLedger(
  client: KafkaClient,
  dataTopic: string,
  { mailbox, stateDir, signal }: PeekContext,
): Promise<LedgerView | null> {
  const topic = ledgerTopicOf(dataTopic)
  const described = await client.describeTopic(topic)
  if (described === null) return null
  if (described.partitions !== LEDGER_PARTITIONS)
    throw new LedgerError(
      'MAILDRAIN_LEDGER_FOREIGN',
      `topic ${topic} has ${described.partitions} partitions and a ledger has ${LEDGER_PARTITIONS}; drain into another topic, or restore this one`,
    )
  const partition = ledgerPartition(mailbox, LEDGER_PARTITIONS)
  const lows = await lowsOf(client, dataTopic)
  const offsets = await client.offsets(topic)
  const to = offsets.find((each) => each.partition === partition)?.stable ?? 0n
  const holds = ({ place }: LedgerEntry): boolean => {
    const at = readPlace(place)
    const low = at === null ? undefined : lows.get(at.partition)
    return at !== null && low !== undefined && at.offset >= low
  }
  const index = openScratchLedger({ directory: stateDir, mailbox, holds })
  try {
    const records = new LedgerRecords({ mailboxKey: mailboxKey(mailbox), topic, partition })
    const reading = new LedgerReading({ index, records })
    const onRecords: Parameters<KafkaClient['read']>[0]['onRecords'] = (chunk) => {
      reading.fold(chunk)
      return false
    }
    await client.read({ topic, partition, from: 0n, to, signal, onRecords })
    reading.assertSound()
  } catch (error) {
    index.close()
    throw error
  }
  return { ledger: index, close: () => index.close() }
}

/** First offset that is still there, by partition; empty when the topic is gone, and with it all mail. */
async function lowsOf(client: KafkaClient, topic: string): Promise<ReadonlyMap<number, bigint>> {
  if ((await client.describeTopic(topic)) === null) return new Map()
  const offsets = await client.offsets(topic)
  return new Map(offsets.map(({ partition, low }) => [partition, low]))
}
