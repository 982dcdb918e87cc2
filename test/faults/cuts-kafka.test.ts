/** A dozen of the places where `npm run soak -- cuts-kafka` cuts the line of the built command that drains into Kafka. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Broker, noBroker, startBroker } from '../fixtures/kafka-broker.ts'
import { KafkaCuts, kafkaCutsOf } from '../support/cuts-kafka.ts'

const CUTS = 12

describe.skipIf(noBroker !== undefined)(`into Kafka${noBroker ? `: ${noBroker}` : ''}`, () => {
  let broker: Broker
  beforeAll(async () => {
    broker = await startBroker()
  })
  afterAll(() => broker.stop())

  it('fault 8, 9: the line is cut at commands and octets from the first to the last', async () => {
    const cuts = new KafkaCuts(broker)
    const all = kafkaCutsOf(await cuts.measure())
    expect(all.length).toBeGreaterThan(400)
    const step = Math.floor(all.length / CUTS)
    const results = await cuts.prove(all.filter((_, index) => index % step === 5))
    expect(results.flatMap(({ wrong }) => wrong)).toEqual([])
    expect(results.filter(({ struck }) => struck).length).toBeGreaterThanOrEqual(CUTS - 2)
  }, 300_000)
})
