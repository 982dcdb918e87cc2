/**
 * Sends of kafkajs, each to one leader.
 *
 * kafkajs 2.2.4 divides a send by leaders, and when one of them refuses (which is usual: the markers of the transaction
 * before are still being written) tries at once again with every leader that has not answered yet. What was on its way
 * there is then written twice in one transaction, under new sequence numbers that no broker can tell: 7 and 16 of 600
 * messages with three brokers and nothing wrong. A send to one leader has one request at a time, and what is tried again has
 * the same sequence numbers.
 */
import type { ICustomPartitioner } from 'kafkajs'
import { SinkError } from '../../errors.ts'

interface Placed {
  readonly partition: number
}

export class LeaderSends {
  /** By topic and partition, as kafkajs last knew. */
  readonly #leaders = new Map<string, Map<number, number>>()
  /** By the first message of each. */
  readonly #sends = new WeakMap<object, ReadonlySet<number>>()

  /** What each leader gets, in the order that was given; a partition whose leader is not known yet goes alone. */
  divide<T extends Placed>(topic: string, records: readonly T[]): T[][] {
    const known = this.#leaders.get(topic)
    const groups = new Map<string, T[]>()
    for (const record of records) {
      const leader = known?.get(record.partition)
      const name = leader === undefined ? `partition ${record.partition}` : `leader ${leader}`
      const group = groups.get(name)
      if (group === undefined) groups.set(name, [record])
      else group.push(record)
    }
    const divided = [...groups.values()]
    for (const group of divided)
      if (group[0] !== undefined)
        this.#sends.set(group[0], new Set(group.map(({ partition }) => partition)))
    return divided
  }

  /** Is asked for each message at each try, with what kafkajs then divides by. */
  readonly partitioner: ICustomPartitioner =
    () =>
    ({ topic, partitionMetadata, message }) => {
      const partitions = this.#sends.get(message)
      if (partitions !== undefined) {
        const leaders = new Map(
          partitionMetadata.map(({ partitionId, leader }) => [partitionId, leader]),
        )
        this.#leaders.set(topic, leaders)
        if (new Set([...partitions].map((each) => leaders.get(each))).size > 1)
          throw new SinkError(
            'MAILDRAIN_SINK_UNREACHABLE',
            `partitions of topic ${topic} have other leaders than before`,
          )
      }
      return message.partition ?? 0
    }
}
