/**
 * One connection: greeting, AUTHORIZATION (RFC 1939 section 4, RFC 2595, RFC 5034), the command loop and its end.
 * Rule: commands are carried out one after the other in the order in which they came, however many came at once.
 */
import type { Socket } from 'node:net'
import { type SecureContext, TLSSocket } from 'node:tls'
import { CommandLines, parseCommand } from './command-lines.ts'
import {
  accountOf,
  apopTimestamp,
  capabilityLines,
  checkApop,
  mechanismsOf,
  refusal,
} from './authorization.ts'
import { Outbox } from './outbox.ts'
import { type Pop3Core, speakable } from './pop3-core.ts'
import { type ServerExchange, type ServerStep, beginSasl } from './sasl.ts'
import { type Reply, Transaction } from './transaction.ts'

/** Lines that wait before the server stops reading; Dovecot stops at 2 KB of them. */
const WAITING_LINES = 4096

export class Pop3Session {
  readonly number: number
  readonly #core: Pop3Core
  readonly #secureContext: SecureContext | undefined
  readonly #out: Outbox
  readonly #lines = new CommandLines()
  #socket: Socket
  #state: 'AUTHORIZATION' | 'TRANSACTION' | 'ended' = 'AUTHORIZATION'
  #transaction: Transaction | undefined
  #updated = false
  #user: string | undefined
  #exchange: ServerExchange | undefined
  #timestamp: string | undefined
  #utf8 = false
  #running = false
  #commands = 0
  #idle: NodeJS.Timeout | undefined

  /** @param secureContext for STLS; undefined where it is not offered, or TLS is on already */
  constructor(core: Pop3Core, number: number, socket: Socket, secureContext?: SecureContext) {
    const { switches } = core
    this.#core = core
    this.number = number
    this.#socket = socket
    this.#secureContext = secureContext
    this.#out = new Outbox(socket, switches.of(switches.now.dropAfterOctets, number))
    this.#listen(socket)
    socket.once('close', () => this.#closed())
    core.tell('connect', number)
    void this.#greet()
  }

  /** Ends the connection as a broken line does. */
  destroy(): void {
    this.#socket.destroy()
  }

  #listen(socket: Socket): void {
    socket.setNoDelay(true)
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
  }

  async #greet(): Promise<void> {
    const { switches } = this.#core
    const text = switches.of<string | null>(switches.now.greeting, this.number)
    this.#running = true
    await this.#delay('')
    if (text !== null) {
      if (this.#core.capabilities.apop === true) this.#timestamp = apopTimestamp(this.number)
      const line = text ?? ['+OK POP3 server ready.', this.#timestamp].filter(Boolean).join(' ')
      this.#out.text(/^(\+OK|-ERR)/.test(line) ? `${line}\r\n` : `+OK ${line}\r\n`)
      this.#out.flush()
      if (line.startsWith('-ERR')) this.#end()
    }
    this.#resetIdle()
    await this.#run()
  }

  #receive(chunk: Buffer): void {
    if (this.#state === 'ended') return
    this.#resetIdle()
    if (!this.#lines.feed(chunk)) {
      this.#end('-ERR Line too long.')
      return
    }
    if (this.#lines.length > WAITING_LINES) this.#socket.pause()
    if (!this.#running) void this.#run()
  }

  #resetIdle(): void {
    if (this.#idle === undefined) {
      this.#idle = setTimeout(() => this.#timeOut(), this.#core.switches.idleTimeoutMs)
      this.#idle.unref()
    } else this.#idle.refresh()
  }

  #timeOut(): void {
    // Not idle but busy: a reply is on its way, or is being delayed.
    if (this.#running) this.#idle?.refresh()
    else this.#end('-ERR Disconnected for inactivity.')
  }

  async #run(): Promise<void> {
    this.#running = true
    for (;;) {
      const line = this.#state === 'ended' ? undefined : this.#lines.shift()
      if (line === undefined) break
      const reply = this.#handle(line)
      const last = reply instanceof Promise ? await reply : reply
      if (last !== null) this.#out.text(`${last}\r\n`)
      if (this.#out.cut) this.#end()
      if (this.#out.full) await this.#out.settle()
    }
    if (this.#out.cut) this.#end()
    this.#out.flush()
    this.#running = false
    this.#socket.resume()
  }

  #handle(line: string): Reply {
    const exchange = this.#exchange
    if (exchange !== undefined) {
      this.#exchange = undefined
      return this.#answer('AUTH', () => this.#respond(exchange, line.replace(/\r$/, '')))
    }
    const command = parseCommand(line)
    if (typeof command === 'string') {
      this.#core.command(this.number, '', '')
      return this.#answer('', () => `-ERR ${command}`)
    }
    const { verb, argument } = command
    const said = speakable(verb, argument)
    const { switches } = this.#core
    const most = switches.of(switches.now.dropAfterCommands, this.number)
    if (most !== undefined && this.#commands >= most) return this.#end()
    this.#commands += 1
    this.#core.command(this.number, verb, said)
    const override = switches.now.replyOverride?.(verb, said, this.number)
    if (override !== undefined) return this.#answer(verb, () => this.#override(verb, override))
    return this.#answer(verb, () => this.#dispatch(verb, argument))
  }

  /** Carries out, after the delay if there is one. */
  #answer(verb: string, carryOut: () => Reply): Reply {
    if (this.#core.switches.now.delayMs === undefined) return carryOut()
    return this.#delay(verb).then(carryOut)
  }

  async #delay(verb: string): Promise<void> {
    const { delayMs } = this.#core.switches.now
    const ms = typeof delayMs === 'function' ? delayMs(verb, this.number) : (delayMs ?? 0)
    this.#out.flush()
    if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms).unref())
  }

  #override(verb: string, reply: Buffer | string): Reply {
    this.#out.bytes(typeof reply === 'string' ? Buffer.from(reply, 'latin1') : reply)
    return verb === 'QUIT' ? this.#end() : null
  }

  #dispatch(verb: string, argument: string): Reply {
    if (verb === 'QUIT') return this.#quit(argument)
    if (verb === 'CAPA') return this.#capa()
    if (this.#transaction !== undefined) return this.#transaction.handle(verb, argument)
    switch (verb) {
      case 'USER':
        this.#user = argument
        return argument === '' ? '-ERR USER takes a name.' : '+OK'
      case 'PASS':
        return this.#pass(argument)
      case 'APOP':
        return this.#apop(argument)
      case 'AUTH':
        return this.#auth(argument)
      case 'UTF8':
        return this.#enableUtf8()
      case 'STLS':
        return this.#stls()
      default:
        return '-ERR Log in first.'
    }
  }

  get #canStartTls(): boolean {
    return this.#secureContext !== undefined && !(this.#socket instanceof TLSSocket)
  }

  #capa(): string {
    if (this.#core.capabilities.capa === false) return '-ERR Unknown command.'
    const lines = capabilityLines(this.#core, {
      ...{ session: this.number, loggedIn: this.#transaction !== undefined },
      canStartTls: this.#canStartTls && this.#transaction === undefined,
    })
    return `+OK Capabilities follow.\r\n${lines.map((line) => `${line}\r\n`).join('')}.`
  }

  #pass(password: string): Reply {
    const user = this.#user
    this.#user = undefined
    if (user === undefined) return '-ERR USER comes first.'
    const account = accountOf(this.#core)
    return this.#logIn(user === account.user && password === account.password)
  }

  #apop(argument: string): Reply {
    const timestamp = this.#timestamp
    if (timestamp === undefined) return '-ERR No APOP here.'
    return this.#logIn(checkApop(this.#core, timestamp, argument))
  }

  #enableUtf8(): Reply {
    if ((this.#core.capabilities.utf8 ?? false) === false) return '-ERR No UTF8 here.'
    this.#utf8 = true
    return '+OK UTF8 enabled.'
  }

  #auth(argument: string): Reply {
    const [name = '', initial, ...more] = argument.split(' ')
    const mechanism = mechanismsOf(this.#core).find((known) => known === name.toUpperCase())
    if (mechanism === undefined || more.length > 0) return '-ERR Unknown authentication mechanism.'
    const { first, exchange } = beginSasl(mechanism, accountOf(this.#core))
    if (initial !== undefined) return this.#respond(exchange, initial === '=' ? '' : initial)
    this.#exchange = exchange
    return `+ ${first ?? ''}`
  }

  #respond(exchange: ServerExchange, line: string): Reply {
    if (line === '*') return '-ERR Authentication cancelled.'
    const step: ServerStep = exchange(Buffer.from(line, 'base64').toString('latin1'))
    if (step.kind === 'verdict') return this.#logIn(step.known)
    if (step.kind === 'error') return `-ERR ${step.text}`
    this.#exchange = exchange
    return `+ ${step.text}`
  }

  /** @param known the account was proven */
  #logIn(known: boolean): Reply {
    const refused = refusal(this.#core, this.number, known)
    if (refused !== undefined) return `-ERR ${refused}`
    this.#core.logins += 1
    this.#core.lastLoginAt = performance.now()
    this.#core.open.add(this.number)
    this.#state = 'TRANSACTION'
    this.#transaction = new Transaction(this.#core, this.number, this.#out)
    this.#core.tell('login', this.number)
    return `+OK ${this.#transaction.count} messages.`
  }

  #stls(): Reply {
    const context = this.#secureContext
    // RFC 6856 section 2.1: STLS comes before UTF8 or not at all.
    if (context === undefined || !this.#canStartTls || this.#utf8)
      return '-ERR STLS is not offered.'
    return this.#startTls(context)
  }

  async #startTls(secureContext: SecureContext): Promise<null> {
    const plain = this.#socket
    plain.removeAllListeners('data')
    plain.pause()
    this.#out.text('+OK Begin TLS.\r\n')
    await this.#out.flushed()
    this.#lines.clear()
    this.#user = undefined
    this.#timestamp = undefined
    const secure = new TLSSocket(plain, { isServer: true, secureContext })
    this.#socket = secure
    this.#out.moveTo(secure)
    this.#listen(secure)
    return null
  }

  #quit(argument: string): Reply {
    if (argument !== '') return '-ERR QUIT takes no argument.'
    const { switches } = this.#core
    if (this.#transaction === undefined) {
      return this.#end('+OK Bye.')
    }
    const lost = switches.of(switches.now.loseQuitReply, this.number)
    const drop = switches.of(switches.now.dropAtQuit, this.number) === true
    if (drop || lost === 'not-committed') return this.#end()
    this.#updated = true
    const reply = this.#transaction.update()
    return this.#end(lost === undefined ? reply : undefined)
  }

  /** Sends what there is, with a last status line, and ends the connection. */
  #end(line?: string): null {
    if (this.#state === 'ended') return null
    if (line !== undefined) this.#out.text(`${line}\r\n`)
    this.#state = 'ended'
    this.#out.flush()
    this.#socket.destroySoon()
    return null
  }

  #closed(): void {
    this.#state = 'ended'
    clearTimeout(this.#idle)
    this.#core.open.delete(this.number)
    if (!this.#updated) this.#transaction?.abandon()
    this.#core.tell('close', this.number)
  }
}
