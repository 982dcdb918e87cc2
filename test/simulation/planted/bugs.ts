/**
 * Bugs planted on purpose: each is a line of the product changed in a copy, or a mistake that a destination is made
 * with. A simulation that does not find every one of them within seconds would not find the next real one either.
 */
import type { Choice } from '../setting.ts'

export interface PlantedBug {
  readonly name: string
  /** Letters of the invariants that it may break first. */
  readonly breaks: string
  /** Where seeds are looked for; a hint that saves time, and hides nothing. */
  readonly choice: Choice
  /** File, the text as it is, and what takes its place; none: the mistake is in `choice`. */
  readonly change?: readonly [file: string, as: string, broken: string]
}

const pop3 = (file: string): string => `src/sources/pop3/${file}`
const kafka = (file: string): string => `src/sinks/kafka/${file}`
const pipeline = (file: string): string => `src/pipeline/${file}`

export const plantedBugs: readonly PlantedBug[] = [
  {
    name: 'DELE for what was only read',
    breaks: 'L',
    choice: { throws: true },
    change: [pipeline('gate.ts'), 'if (state === DURABLE) numbers', 'if (state !== 0) numbers'],
  },
  {
    name: 'a message is durable once it is handed on',
    breaks: 'L',
    choice: {},
    change: [
      pipeline('admission.ts'),
      'this.#options.batcher.add(unit.values',
      '(unit.settle({ kind: "delivered" }), this.#options.batcher).add(unit.values',
    ],
  },
  {
    name: 'an error of the destination is swallowed',
    breaks: 'L',
    choice: { destination: 'transactional' },
    change: [
      pipeline('outage.ts'),
      'if (!(error instanceof MaildrainError) || !error.retryable) throw error',
      'if (!(error instanceof MaildrainError) || error.retryable) return undefined as never',
    ],
  },
  {
    name: 'the ledger is written before the data',
    breaks: 'L',
    choice: { destination: 'idempotent', deletion: 'delete', mistakes: { ledgerFirst: true } },
  },
  {
    name: 'the ledger is written before the data is on the disk',
    breaks: 'L',
    choice: {
      destination: 'idempotent',
      deletion: 'delete',
      mistakes: { dataUnsynced: true },
    },
  },
  {
    name: 'acks=1: the leader alone has what it acknowledged',
    // Mostly the drain notices before it deletes, and refuses to go on.
    breaks: 'LP',
    choice: { destination: 'kafka', mistakes: { unreplicated: true } },
  },
  {
    name: 'synchronous=NORMAL: a commit is answered before it is synced',
    breaks: 'L',
    choice: {
      destination: 'transactional',
      deletion: 'delete',
      mistakes: { unsynced: true },
    },
  },
  {
    name: 'a lost answer to a commit is taken for done',
    breaks: 'L',
    choice: {
      destination: 'transactional',
      mistakes: { lostIsDone: true },
      kinds: ['error-before'],
    },
  },
  {
    name: 'records and ledger entries of a batch are two commits',
    breaks: 'L',
    choice: { destination: 'transactional', deletion: 'delete', mistakes: { splitBatch: true } },
  },
  {
    name: 'the last frame of the log is cut off at a start, whole as it is',
    breaks: 'L',
    choice: {
      destination: 'transactional',
      mistakes: { cutsTail: true },
      kinds: ['crash-before', 'crash-after'],
    },
  },
  {
    name: 'a unique-id alone is identity',
    breaks: 'LB',
    choice: {},
    change: ['src/identity.ts', "Buffer.from(sha256, 'hex')))", 'Buffer.alloc(0)))'],
  },
  {
    name: 'what is known by its unique-id is deleted whatever its bytes',
    breaks: 'L',
    choice: {},
    change: [
      'src/transforms/dedupe.ts',
      'const entry = ledger.get(message.key)',
      "const entry = ledger.byUidl(message.uidl ?? '')[0]",
    ],
  },
  {
    name: 'QUIT with unresolved messages',
    breaks: 'L',
    choice: { server: 'quitRemovesRead', throws: true },
    change: [
      pipeline('gate.ts'),
      'return deletion ? this.#unresolved + this.#staying === 0 : this.#read === 0',
      'return true',
    ],
  },
  {
    name: 'an unknown host is trusted to leave what was read',
    breaks: 'L',
    choice: { server: 'quitRemovesRead', throws: true },
    change: [
      pop3('host.ts'),
      'if (expireDays === null) return observed',
      "if (expireDays === null) return 'deleted'",
    ],
  },
  {
    name: 'a short message is accepted',
    breaks: 'LB',
    choice: { server: 'shortMessages' },
    change: [pop3('session.ts'), 'collector.octets < item.listedOctets', 'false'],
  },
  {
    name: 'filtered counts as delivered',
    breaks: 'LX',
    choice: { filter: true },
    change: [
      pipeline('admission.ts'),
      "verdict.kind === 'delivered' ? { kind: 'filtered' } : verdict",
      'verdict',
    ],
  },
  {
    name: 'what a transform throws is swallowed',
    breaks: 'LPX',
    choice: { throws: true },
    change: [pipeline('delivery.ts'), 'this.#failure ??= { error }', 'void error'],
  },
  {
    name: 'a part of the batch counts for the whole',
    breaks: 'L',
    choice: {},
    change: [
      pipeline('sink-writer.ts'),
      'messages: items.flatMap((item) => (item.message === undefined ? [] : [item.message])),',
      'messages: items.slice(0, 2).flatMap((item) => (item.message === undefined ? [] : [item.message])),',
    ],
  },
  {
    name: 'Kafka: a commit that was asked for is taken for done',
    breaks: 'LX',
    choice: { destination: 'kafka', kinds: ['error-before'] },
    change: [
      kafka('committer.ts'),
      'return this.#options.owner.lastCommit === name',
      'return true',
    ],
  },
  {
    name: 'Kafka: a ledger that speaks of another topic is believed',
    breaks: 'L',
    choice: { destination: 'kafka', deletion: 'delete', kinds: ['replaced'] },
    change: [kafka('proof.ts'), 'return { offsets, lost }', 'return { offsets, lost: new Map() }'],
  },
  {
    name: 'Kafka: brokers do not fence',
    breaks: 'D',
    choice: { destination: 'kafka', mistakes: { unfenced: true }, kinds: ['freeze'] },
  },
  {
    name: 'Kafka: records of an aborted transaction are shown',
    // Mostly the drain notices before it deletes, and refuses to go on.
    breaks: 'LP',
    choice: { destination: 'kafka', mistakes: { showsAborted: true } },
  },
  {
    name: 'a message at which a transform failed counts as durable',
    breaks: 'L',
    choice: { throws: true },
    change: [
      pop3('answer.ts'),
      "    case 'errored':\n",
      "    case 'errored':\n      if (state !== undefined) return true\n",
    ],
  },
  {
    name: 'bytes are not unstuffed',
    breaks: 'BL',
    choice: {},
    change: [
      'src/pop3/multi-line.ts',
      'from = at\n        this.#position = AFTER_DOT',
      'from = found + 2\n        this.#position = AFTER_DOT',
    ],
  },
  {
    name: 'a batch that waits when a write ends is forgotten',
    breaks: 'P',
    choice: {},
    change: [
      pipeline('batcher.ts'),
      'this.#lastWriteEnd = this.#options.clock.monotonic()\n    this.#evaluate()',
      'this.#lastWriteEnd = this.#options.clock.monotonic()',
    ],
  },
  {
    name: 'absence from a window is taken for gone',
    breaks: 'LDXP',
    choice: { server: 'omitUidl 1' },
    change: [pop3('look-session.ts'), 'complete: named === messages', 'complete: true'],
  },
  {
    name: 'of several messages of one unique-id the first are taken for those that are known',
    breaks: 'XP',
    choice: { destination: 'transactional', server: 'uidlOf 7', deletion: 'keep' },
    change: [pop3('work.ts'), 'if (byBytes) this.ambiguous.add(uidl)', ''],
  },
  {
    name: 'where mail is kept, ledger entries are written and records are not',
    breaks: 'PX',
    choice: { destination: 'transactional', deletion: 'keep' },
    change: [
      pipeline('sink-writer.ts'),
      '(item.message === undefined ? [] : [item.message])',
      '(item.message === undefined ? [] : [{ ...item.message, records: [] }])',
    ],
  },
  {
    name: 'a record is written twice where nothing tells it from its double',
    breaks: 'D',
    choice: { destination: 'at-least-once' },
    change: [
      pipeline('sink-writer.ts'),
      '(item.message === undefined ? [] : [item.message])',
      '(item.message === undefined ? [] : [{ ...item.message, records: [...item.message.records, ...item.message.records] }])',
    ],
  },
  {
    name: 'the receipt says of new mail that it had been delivered before',
    breaks: 'X',
    choice: {},
    change: [
      pop3('run-state.ts'),
      "this.#answer(message.key, 'delivered', message.octets)",
      "this.#answer(message.key, 'alreadyDelivered', message.octets)",
    ],
  },
  {
    name: 'the receipt says deleted of what QUIT has not reached',
    breaks: 'X',
    choice: {},
    change: [
      pop3('in-doubt.ts'),
      'const numbers = met.add(key) ? 1 : 1 + (before?.numbers ?? 0)',
      'const numbers = 1 + (before?.numbers ?? 0)',
    ],
  },
  {
    name: 'what the destination rejects by name counts as delivered',
    breaks: 'L',
    choice: { destination: 'transactional', rejects: true, deletion: 'delete' },
    change: [
      pipeline('sink-writer.ts'),
      'if (error === undefined || item.message === undefined) {',
      'if (failures.size >= 0) {',
    ],
  },
]
