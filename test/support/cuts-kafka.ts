/** The built command drains a mailbox with deletion into a real broker, over a line that breaks once. */
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import {
  FaultProxy,
  type LineFault,
  type PassedOctets,
  startPop3Server,
} from '../../src/testing/index.ts'
import { decodeAvro } from '../../src/transforms/encode.ts'
import type { Broker } from '../fixtures/kafka-broker.ts'
import { newDirectory, runCli } from './cli.ts'
import { type CutOutcome, cutMailbox } from './cut-drain.ts'
import { type Cut, commandsOf, octetCuts, replyCuts, wrongWith } from './cuts.ts'
import { eachCommitted, sha256 } from './topics.ts'

export const MESSAGES = 20
const RUNS = 3
export const RANDOM_OCTETS = 200

export interface KafkaCut extends Cut {
  /** On a server that removes what was marked when the line drops; else on one that keeps RFC 1939. */
  readonly drops: boolean
}

/** A drain that nothing cuts, connection by connection. */
export interface Uncut {
  readonly passed: readonly PassedOctets[]
  readonly commands: readonly number[]
}

/** Before and after the reply to each command, and after 200 octets at random: the same for the same drain. */
export function kafkaCutsOf({ passed, commands }: Uncut): KafkaCut[] {
  const octets = octetCuts(passed)
  const next = chance(1939)
  const random = Array.from({ length: RANDOM_OCTETS }, () => octets[next(octets.length)]!)
  return [...replyCuts(commands, 'reset'), ...random].map((cut, index) => ({
    ...cut,
    drops: Math.floor(index / 2) % 2 === 1,
  }))
}

export interface KafkaCutResult {
  readonly wrong: readonly string[]
  /** Runs of the command; more than one when it gave up. */
  readonly runs: number
  readonly struck: boolean
}

type Drained = Pick<CutOutcome, 'left' | 'failed' | 'strikes' | 'passed' | 'server'>

export class KafkaCuts {
  readonly #broker: Broker
  readonly #topic = `cuts-${randomUUID()}`

  constructor(broker: Broker) {
    this.#broker = broker
  }

  /** What a drain sends that nothing cuts. */
  async measure(): Promise<Uncut> {
    const { left, failed, passed, server } = await this.#drain('uncut', false, () => undefined)
    if (left.length > 0) throw new Error(`an uncut drain left mail: ${failed.join()}`)
    return { passed, commands: commandsOf({ server }) }
  }

  /** Two at a time; then every committed record is read and compared. */
  async prove(cuts: readonly KafkaCut[]): Promise<KafkaCutResult[]> {
    const drained: { readonly id: string; readonly outcome: Drained }[] = []
    const waiting = [...cuts.entries()]
    const work = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [index, { connection, fault, drops }] = next
        const id = `cut-${randomUUID()}`
        const outcome = await this.#drain(id, drops, (n) => (n === connection ? fault : undefined))
        drained[index] = { id, outcome }
      }
    }
    await Promise.all([work(), work()])
    const stored = await this.#stored()
    return drained.map(({ id, outcome }, index) => {
      const cut = cuts[index]!
      return {
        wrong: wrongWith(cut, { ...outcome, ...compare(stored.get(id) ?? [], outcome.left) }),
        runs: outcome.failed.length + 1,
        struck: outcome.strikes > 0,
      }
    })
  }

  async #drain(
    id: string,
    drops: boolean,
    fault: (connection: number) => LineFault | undefined,
  ): Promise<Drained> {
    const server = await startPop3Server({
      mailbox: cutMailbox(MESSAGES),
      behaviour: { applyDeletesOnDrop: drops },
    })
    const proxy = await FaultProxy.start({ port: server.port, fault })
    const state = newDirectory()
    const to = `kafka://${this.#broker.brokers.join(',')}/${this.#topic}`
    const args = ['drain', '--from', `pop3://user@127.0.0.1:${proxy.port}`, '--to', to]
    args.push('--delete', '--quiet', '--mailbox-id', id)
    const failed: string[] = []
    try {
      for (let run = 0; run < RUNS; run += 1) {
        const { code, stderr } = await runCli(args, { XDG_STATE_HOME: state })
        if (code === 0) break
        failed.push(/\[(\w+)\]/.exec(stderr)?.[1] ?? `exit ${code}: ${stderr}`)
      }
      const left = server.remainingIndexes()
      const { strikes, passedByConnection: passed } = proxy
      return { left, failed, strikes, passed, server }
    } finally {
      await proxy.close()
      await server.close()
      await rm(state, { recursive: true, force: true })
    }
  }

  /** SHA-256 of the bytes of every committed record, by mailbox. */
  async #stored(): Promise<ReadonlyMap<string, string[]>> {
    const found = new Map<string, string[]>()
    await eachCommitted(this.#broker.brokers, this.#topic, ({ value }) => {
      if (value === null) return
      const { mailbox, raw } = decodeAvro(value)
      found.set(mailbox, [...(found.get(mailbox) ?? []), sha256(raw)])
    })
    return found
  }
}

function compare(
  stored: readonly string[],
  left: readonly number[],
): Pick<CutOutcome, 'lost' | 'doubled' | 'foreign' | 'premature'> {
  const mailbox = cutMailbox(MESSAGES)
  const hashes = Array.from({ length: MESSAGES }, (_, i) => sha256(mailbox.message(i).read()))
  const times = (i: number) => stored.filter((hash) => hash === hashes[i]).length
  const all = hashes.map((_, i) => i)
  return {
    lost: all.filter((i) => times(i) === 0 && !left.includes(i)),
    doubled: all.filter((i) => times(i) > 1),
    foreign: stored.filter((hash) => !hashes.includes(hash)).length,
    // What went too early is lost, on a server that removes it when the line drops.
    premature: [],
  }
}

/** The same sequence for the same seed. */
function chance(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return (state >>> 8) % below
  }
}
