/**
 * One schedule: a mailbox, a server with its whims, a destination, and a plan of what goes wrong; then life after life
 * of the drain until one comes to its end with nothing going wrong any more.
 */
import type { Socket } from 'node:net'
import { MaildrainError, describeError } from '../../src/errors.ts'
import { drain } from '../../src/pipeline/drain.ts'
import type { Receipt } from '../../src/pipeline/receipt.ts'
import { Pop3Source } from '../../src/sources/pop3/source.ts'
import type { MailboxMessage } from '../../src/testing/mailbox.ts'
import { Pop3Core } from '../../src/testing/pop3-core.ts'
import { Pop3Session } from '../../src/testing/pop3-session.ts'
import { Random } from '../../src/testing/random.ts'
import { knownMailbox } from '../support/known-mailbox.ts'
import { type Fault, type FaultKind, Faults } from './engine/faults.ts'
import { Life } from './engine/life.ts'
import { connectOf } from './engine/network.ts'
import { Scheduler } from './engine/scheduler.ts'
import { type Ending, Invariants } from './invariants.ts'
import { type Standing, Witness } from './receipts.ts'
import type { Setting } from './setting.ts'
import { isFiltered, throughOf } from './transforms.ts'
import { type Destination, openWorld } from './worlds/worlds.ts'

export interface Outcome {
  /** Begin with the letter of the invariant (invariants.ts). */
  readonly violations: readonly string[]
  readonly lives: number
  readonly crashes: number
  /** Effects of the drain on its surroundings. */
  readonly effects: number
  /** Virtual milliseconds. */
  readonly ms: number
  readonly delivered: number
  readonly trace: readonly string[]
}

/** A drain that needs more is not going to end. */
const MAX_STEPS = 60_000
const MAX_LIVES = 40
const DAY_MS = 86_400_000

export class Schedule {
  readonly #setting: Setting
  readonly #random: Random
  readonly #scheduler = new Scheduler()
  readonly #faults: Faults
  readonly #core: Pop3Core
  readonly #destination: Destination
  readonly #invariants: Invariants
  readonly #lives: Life[] = []
  /** Of each life. */
  readonly #witnesses: Witness[] = []
  readonly #lifeOfSession = new Map<number, number>()
  readonly #violations: string[] = []
  readonly #trace: string[] = []
  readonly #traced: boolean
  /** Messages at which the transform has failed. */
  readonly #failedAt = new Set<string>()
  #sessions = 0
  #crashes = 0
  /** Lives that are to begin. */
  #booting = 0
  /** Drains that have not settled, those of the dead among them. */
  #running = 0
  /** Lives that began when nothing went wrong any more. */
  #calmLives = 0
  /** The life in which mail last came: it need not have seen it. */
  #newestMail = 0
  #done: Ending | undefined

  constructor(setting: Setting, plan: readonly Fault[], { trace = false } = {}) {
    this.#setting = setting
    this.#random = new Random(setting.seed)
    this.#traced = trace
    this.#invariants = new Invariants(setting, (violation) => this.#violate(violation))
    this.#faults = new Faults(plan, (kind, life) => {
      this.#note(`fault ${kind}`)
      this.#happen[kind](life)
    })
    this.#faults.onEffect = (way) => this.#note(`effect ${this.#faults.effects} ${way}`)
    const mailbox = knownMailbox(setting.messages)
    for (let i = 0; i < mailbox.size; i += 1) this.#invariants.came(mailbox.message(i))
    this.#core = this.#openServer(mailbox)
    this.#destination = openWorld(setting, this.#surroundings)
  }

  get #surroundings() {
    return { scheduler: this.#scheduler, random: this.#random, faults: this.#faults }
  }

  #openServer(mailbox: ReturnType<typeof knownMailbox>): Pop3Core {
    const { behaviour } = this.#setting
    return new Pop3Core({
      ...{ mailbox, behaviour },
      clock: {
        now: () => this.#scheduler.now,
        monotonic: () => this.#scheduler.now,
        timer: (ms, fire) => this.#scheduler.after(ms, fire),
      },
      onEvent: ({ kind, verb, argument, session, index }) => {
        this.#note(`server ${session} ${kind} ${verb} ${argument} ${index ?? ''}`)
        if ((kind === 'expunge' || kind === 'hide') && index !== null) this.#removed(index, session)
      },
    })
  }

  async run(): Promise<Outcome> {
    this.#boot(0)
    while (this.#violations.length === 0 && !this.#isOver) {
      if (this.#scheduler.steps >= MAX_STEPS) this.#violate('P: it does not come to an end')
      else if (!(await this.#scheduler.step())) this.#violate('P: nothing will ever happen again')
    }
    const { world } = this.#destination
    if (this.#violations.length === 0)
      this.#invariants.lookAtEnd(world, this.#core, this.#done, this.#faults.interruptions)
    for (const life of this.#lives) life.kill()
    await this.#unwind()
    const delivered = world.stored().length
    this.#destination.close()
    return {
      ...{ violations: this.#violations, lives: this.#lives.length, crashes: this.#crashes },
      ...{ effects: this.#faults.effects, ms: this.#scheduler.now, delivered, trace: this.#trace },
    }
  }

  get #isOver(): boolean {
    return this.#done !== undefined && this.#isQuiet
  }

  /** Nobody is at work, frozen or about to begin. */
  get #isQuiet(): boolean {
    return this.#booting === 0 && this.#lives.every(({ over }) => over)
  }

  /** What the dead still hold (locks, scratch files) is let go of. */
  async #unwind(): Promise<void> {
    for (let left = 5000; left > 0 && this.#running > 0; left -= 1)
      if (!(await this.#scheduler.step())) break
  }

  #boot(ms: number): void {
    this.#booting += 1
    this.#scheduler.after(ms, () => {
      this.#booting -= 1
      if (this.#done === undefined) void this.#live()
    })
  }

  async #live(): Promise<void> {
    if (this.#lives.length >= MAX_LIVES) {
      this.#violate(`P: not drained after ${MAX_LIVES} runs`)
      return
    }
    // Whoever is frozen may come back, and hold what is wanted.
    const calm = this.#faults.over && this.#lives.every(({ over }) => over)
    const life = new Life(this.#scheduler)
    for (const [i, other] of this.#lives.entries())
      if (!other.over) this.#witnesses[i]!.shared = true
    const alone = this.#lives.every(({ over }) => over)
    const number = this.#lives.push(life)
    this.#witnesses.push(new Witness(this.#standing(), !alone))
    this.#note(`life ${number} begins`)
    this.#running += 1
    const ending = await this.#drain(life, number).then(
      (receipt): Ending => ({ receipt }),
      (error: unknown) => this.#failed(error),
    )
    this.#running -= 1
    if (life.state === 'dead') return
    life.state = 'ended'
    this.#note(`life ${number} ends: ${ending.code ?? JSON.stringify(ending.receipt)}`)
    this.#lookAtReceipt(ending, number)
    this.#ended(ending, calm, number)
  }

  #lookAtReceipt({ receipt }: Ending, number: number): void {
    if (receipt === undefined) return
    const setting = { ...this.#setting, deletion: this.#deletionOf(number) }
    const lies = this.#witnesses[number - 1]!.lies(receipt, this.#standing(), setting)
    for (const lie of lies) this.#violate(`X: the receipt says ${lie}`)
  }

  #deletionOf(number: number): 'keep' | 'delete' {
    const { headers, deletion } = this.#setting
    return headers && number === 1 ? 'keep' : deletion
  }

  #standing(): Standing {
    const { maildrop } = this.#core
    let [visible, filtered] = [0, 0]
    for (let i = 0; i < maildrop.size; i += 1) {
      if (!maildrop.isVisible(i)) continue
      visible += 1
      if (this.#setting.filter && isFiltered(i)) filtered += 1
    }
    const { written } = this.#destination.world
    return { written, visible, filtered, faults: this.#faults.happened }
  }

  /** The server has removed, or hidden, a message on the word of a session. */
  #removed(index: number, session: number): void {
    const number = this.#lifeOfSession.get(session) ?? 0
    this.#witnesses[number - 1]!.removed += 1
    this.#invariants.lookAtRemoval(index, session, this.#destination.world)
  }

  #drain(life: Life, number: number): Promise<Receipt> {
    const { seed, source, tuning } = this.#setting
    const deletion = this.#deletionOf(number)
    const accept = (socket: Socket): void => {
      this.#sessions += 1
      this.#lifeOfSession.set(this.#sessions, number)
      new Pop3Session(this.#core, this.#sessions, socket)
    }
    const address = { host: '127.0.0.1', port: 1110, tls: 'none' } as const
    const auth = { user: 'user', password: 'secret' }
    const random = new Random(seed + 7919 * number)
    return drain({
      source: new Pop3Source(
        { ...address, auth, ...source },
        connectOf({ ...this.#surroundings, accept }, life),
      ),
      into: this.#destination.world.sink(life),
      through: throughOf(this.#setting, this.#failedAt),
      ...{ deletion, clock: life.clock, signal: life.signal },
      random: () => random.next() / 2 ** 32,
      stateDir: this.#destination.stateDir(number),
      ...tuning,
    })
  }

  /** Errors have codes, and none of them says that maildrain itself is at fault. */
  #failed(error: unknown): Ending {
    const code = error instanceof MaildrainError ? error.code : 'no code'
    if (code === 'MAILDRAIN_INTERNAL' || code === 'no code')
      this.#violate(`P: a run ended with ${code}: ${describeError(error)}`)
    return { code }
  }

  #ended(ending: Ending, calm: boolean, number: number): void {
    if (calm) this.#calmLives += 1
    // Not while another one is at work, or is to begin: two that take turns would never end.
    if (!this.#isQuiet) return
    // What was to go wrong later does not matter any more once everything is done.
    const asWanted = this.#deletionOf(number) === this.#setting.deletion
    const drained = ending.receipt?.kept === 0 && this.#newestMail < number && asWanted
    if (drained || this.#calmLives >= this.#setting.calmLives) this.#done = ending
    else this.#boot(100 + this.#random.below(5000))
  }

  readonly #happen: Readonly<Record<FaultKind, (life: Life) => void>> = {
    'crash-before': (life) => this.#crash(life),
    'crash-after': (life) => this.#crash(life),
    // They concern the effect alone.
    'error-before': () => undefined,
    'error-after': () => undefined,
    stall: () => undefined,
    freeze: (life) => this.#freeze(life),
    'power-cut': () => {
      this.#destination.world.powerCut?.()
      // The drain runs on the machine that loses power.
      this.#crashAll()
      this.#invariants.lookAtRemoved(this.#destination.world, 'after a power cut')
    },
    'leader-loss': () => {
      this.#destination.world.leaderLoss?.()
      this.#invariants.lookAtRemoved(this.#destination.world, 'after the loss of a leader')
    },
    replaced: () => {
      // While nobody drains: whoever has just asked is not to blame.
      this.#crashAll()
      if (this.#destination.world.replace?.() === true) this.#invariants.replaced(this.#sessions)
    },
    arrival: () => this.#arrive(),
    twin: () => this.#doubleOne(),
    reuse: () => this.#arrive(this.#random.pick([...this.#reusable(), -1])),
    removal: () => this.#remove(),
    'clock-jump': (life) => {
      const days = (this.#random.chance(50) ? 1 : -1) * this.#random.below(4000)
      life.wallSkew += days * DAY_MS
    },
  }

  #crash(life: Life): void {
    if (life.over) return
    this.#crashes += 1
    life.kill()
    this.#boot(50 + this.#random.below(3000))
  }

  #crashAll(): void {
    this.#crashes += 1
    for (const life of this.#lives) life.kill()
    this.#boot(1000)
  }

  #freeze(life: Life): void {
    if (life.state !== 'running') return
    life.freeze()
    this.#scheduler.after(1000 + 1000 * this.#random.below(180), () => life.thaw())
    if (this.#random.chance(70)) this.#boot(this.#random.below(20_000))
  }

  /** Where mail is filtered or rejected, one that is to stay and one that is to go under one unique-id never come apart. */
  #reusable(): number[] {
    const removed = [...this.#invariants.removed]
    if (!this.#setting.filter && !this.#setting.rejects) return removed
    const { maildrop } = this.#core
    const all = Array.from({ length: this.#invariants.messages }, (_, i) => i)
    const listed = all.filter((i) => maildrop.has(i)).map((i) => maildrop.message(i).uidl)
    return removed.filter((i) => !listed.includes(maildrop.message(i).uidl))
  }

  /** @param gone the message whose unique-id it gets, and whose length; -1: none */
  #arrive(gone = -1): void {
    const index = this.#invariants.messages
    const old = gone < 0 ? undefined : this.#core.maildrop.message(gone)
    const head = `Subject: new ${index}\r\n\r\n`
    const body = 'x'.repeat(Math.max(0, (old?.octets ?? 40) - head.length - 2))
    const raw = Buffer.from(`${head}${body}\r\n`)
    const uidl = old?.uidl ?? `new-${index}`
    const message: MailboxMessage = { uidl, octets: raw.length, read: () => raw }
    this.#comes(message)
  }

  /** The same bytes under a unique-id of their own: another message. */
  #doubleOne(): void {
    const index = this.#random.below(this.#invariants.messages)
    const message = this.#core.maildrop.message(index)
    this.#comes({ ...message, uidl: `twin-${this.#invariants.messages}` })
  }

  #comes(message: MailboxMessage): void {
    this.#invariants.came(message)
    this.#core.add(message)
    this.#newestMail = this.#lives.length
  }

  #remove(): void {
    const index = this.#random.below(this.#invariants.messages)
    if (!this.#core.maildrop.has(index)) return
    this.#invariants.takenByOthers(index)
    for (const witness of this.#witnesses) witness.removedByOthers += 1
    this.#core.remove(index)
  }

  #violate(violation: string): void {
    this.#note(`VIOLATION ${violation}`)
    this.#violations.push(violation)
  }

  #note(line: string): void {
    if (this.#traced) this.#trace.push(`${this.#scheduler.now.toFixed(0)} ${line}`)
  }
}
