/** One connection: greeting, AUTHORIZATION (RFC 1939 section 4, RFC 2595, RFC 5034), which command means what, its end. */
import type { Socket } from 'node:net'
import { type SecureContext, TLSSocket } from 'node:tls'
import { accountOf, apopTimestamp, checkApop, mechanismsOf, refusal } from './authorization.ts'
import { capaReply } from './capa.ts'
import { CommandLines, parseCommand } from './command-lines.ts'
import { CommandLoop } from './command-loop.ts'
import { IdleTimer } from './idle-timer.ts'
import { KNOWN_VERBS, type Pop3Core, speakable } from './pop3-core.ts'
import { type ServerExchange, type ServerStep, beginSasl } from './sasl.ts'
import { pause } from './pause.ts'
import type { Reply } from './session-state.ts'
import { Transaction } from './transaction.ts'
import { Wire } from './wire.ts'

/** Lines that wait before the server stops reading; Dovecot stops at 2 KB of them. */
const WAITING_LINES = 4096

export class Pop3Session {
  readonly number: number
  readonly #core: Pop3Core
  readonly #secureContext: SecureContext | undefined
  readonly #wire: Wire
  readonly #lines = new CommandLines()
  #socket: Socket
  #state: 'AUTHORIZATION' | 'TRANSACTION' | 'ended' = 'AUTHORIZATION'
  #transaction: Transaction | undefined
  #updated = false
  #user: string | undefined
  #exchange: ServerExchange | undefined
  #timestamp: string | undefined
  #recent = false
  #utf8 = false
  readonly #loop: CommandLoop
  #commands = 0
  #verb = ''
  readonly #idle: IdleTimer

  /** @param secureContext for STLS; undefined where it is not offered, or TLS is on already */
  constructor(core: Pop3Core, number: number, socket: Socket, secureContext?: SecureContext) {
    this.#core = core
    this.number = number
    this.#socket = socket
    this.#secureContext = secureContext
    this.#wire = new Wire(core, number, socket, () => this.#lines.length > 0)
    this.#loop = new CommandLoop({
      ...{ core, session: number, wire: this.#wire, lines: this.#lines },
      state: () => this.#state,
      handle: (line) => this.#handle(line),
      end: (line) => this.#end(line),
    })
    this.#idle = new IdleTimer(core, {
      isBusy: () => this.#loop.running,
      expired: () => this.#timeOut(),
    })
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
    this.#loop.running = true
    await this.#delay('')
    if (text !== null) {
      if (this.#core.capabilities.apop === true)
        this.#timestamp = apopTimestamp(this.number, this.#core.clock.now())
      const line = text ?? ['+OK POP3 server ready.', this.#timestamp].filter(Boolean).join(' ')
      this.#wire.status(/^(\+OK|-ERR)/.test(line) ? line : `+OK ${line}`)
      if (this.#wire.due) await this.#wire.pause()
      this.#wire.out.flush()
      if (line.startsWith('-ERR')) this.#end()
    }
    this.#idle.reset()
    await this.#run()
  }

  #receive(chunk: Buffer): void {
    if (this.#state === 'ended') return
    this.#idle.reset()
    if (!this.#lines.feed(chunk)) {
      this.#end('-ERR Line too long.')
      return
    }
    if (this.#lines.length > WAITING_LINES) this.#socket.pause()
    if (!this.#loop.running) void this.#run()
  }

  #timeOut(): void {
    const { switches } = this.#core
    const silent = switches.of(switches.now.idleSilent, this.number) === true
    this.#end(silent ? undefined : '-ERR Disconnected for inactivity.')
  }

  async #run(): Promise<void> {
    await this.#loop.run()
    this.#socket.resume()
  }

  /** RFC 6856 section 2: from +OK on the session bears 8-bit headers. */
  #noteUtf8(reply: string): void {
    if (this.#verb === 'UTF8' && reply.startsWith('+OK')) this.#utf8 = true
  }

  #handle(line: string): Reply {
    const exchange = this.#exchange
    if (exchange !== undefined) {
      this.#exchange = undefined
      return this.#answer('AUTH', () => this.#respond(exchange, line.replace(/\r$/, '')))
    }
    const command = parseCommand(line)
    const { switches } = this.#core
    const closes = switches.of(switches.now.closesOnUnknown, this.number) === true
    if (typeof command === 'string') {
      this.#core.command(this.number, '', '')
      this.#wire.begin('', '')
      return closes ? this.#end(`-ERR ${command}`) : this.#answer('', () => `-ERR ${command}`)
    }
    const { verb, argument } = command
    const said = speakable(verb, argument)
    this.#verb = verb
    this.#wire.begin(verb, said)
    const most = switches.of(switches.now.dropAfterCommands, this.number)
    if (most !== undefined && this.#commands >= most) return this.#end()
    this.#commands += 1
    this.#core.command(this.number, verb, said)
    if (closes && !KNOWN_VERBS.has(verb)) return this.#end('-ERR Unknown command.')
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
    this.#wire.out.flush()
    if (ms > 0) await pause(this.#core.clock, ms)
  }

  #override(verb: string, reply: Buffer | string): Reply {
    const bytes = typeof reply === 'string' ? Buffer.from(reply, 'latin1') : reply
    this.#wire.out.bytes(bytes)
    this.#noteUtf8(bytes.toString('latin1', 0, 3))
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

  #capa(): Reply {
    const loggedIn = this.#transaction !== undefined
    return capaReply(this.#core, this.#wire, {
      ...{ session: this.number, loggedIn },
      canStartTls: this.#canStartTls && !loggedIn,
    })
  }

  #pass(password: string): Reply {
    const user = this.#user
    this.#user = undefined
    if (user === undefined) return '-ERR USER comes first.'
    const account = accountOf(this.#core)
    return this.#logIn(this.#nameOf(user) === account.user && password === account.password)
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
    const response = this.#nameOf(Buffer.from(line, 'base64').toString('latin1'))
    const step: ServerStep = exchange(response)
    if (step.kind === 'verdict') return this.#logIn(step.known)
    if (step.kind === 'error') return `-ERR ${step.text}`
    this.#exchange = exchange
    return `+ ${step.text}`
  }

  /** Who asks for the latest mail says so in the name (Gmail). */
  #nameOf(user: string): string {
    this.#recent = this.#core.switches.now.recentView !== undefined && /(?:^|\0)recent:/.test(user)
    return this.#recent ? user.replace(/(^|\0)recent:/, '$1') : user
  }

  /** @param known the account was proven */
  #logIn(known: boolean): Reply {
    const { lockAccountAfter = Infinity } = this.#core.switches.now
    if (this.#core.rejected >= lockAccountAfter) return '-ERR [AUTH] Account locked.'
    if (!known) this.#core.rejected += 1
    const refused = refusal(this.#core, this.number, known)
    if (refused !== undefined) return `-ERR ${refused}`
    this.#core.logins += 1
    this.#core.lastLoginAt = this.#core.clock.monotonic()
    this.#core.open.add(this.number)
    this.#state = 'TRANSACTION'
    this.#transaction = new Transaction(
      {
        ...{ core: this.#core, session: this.number, wire: this.#wire },
        ...{ utf8: () => this.#utf8, end: (line) => this.#end(line) },
      },
      this.#recent,
    )
    this.#core.tell('login', this.number)
    return `+OK ${this.#transaction.count} messages.`
  }

  #stls(): Reply {
    const context = this.#secureContext
    const { switches } = this.#core
    const fault = switches.of(switches.now.stls, this.number)
    // RFC 6856 section 2.1: STLS comes before UTF8 or not at all.
    if (context === undefined || !this.#canStartTls || fault === 'refused' || this.#utf8)
      return '-ERR STLS is not offered.'
    if (fault === 'stalls') {
      this.#wire.status('+OK Begin TLS.')
      return this.#wire.silence()
    }
    return this.#startTls(context)
  }

  async #startTls(secureContext: SecureContext): Promise<null> {
    const plain = this.#socket
    plain.removeAllListeners('data')
    plain.pause()
    const { switches } = this.#core
    const injected = switches.of<string>(switches.now.injectAfterStls, this.number) ?? ''
    this.#wire.out.text(`+OK Begin TLS.\r\n${injected}`)
    await this.#wire.out.flushed()
    this.#lines.clear()
    this.#user = undefined
    this.#timestamp = undefined
    const secure = new TLSSocket(plain, { isServer: true, secureContext })
    this.#socket = secure
    this.#wire.moveTo(secure)
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
    if (line !== undefined) this.#wire.status(line)
    this.#state = 'ended'
    this.#wire.out.flush()
    this.#socket.destroySoon()
    return null
  }

  #closed(): void {
    this.#state = 'ended'
    this.#idle.stop()
    this.#core.open.delete(this.number)
    if (!this.#updated) this.#transaction?.abandon()
    this.#core.tell('close', this.number)
  }
}
