/**
 * Listings by number (RFC 1939 sections 5 and 7): `LIST n` and `UIDL n` for a window of messages, many in flight. Sound
 * because numbers are 1..STAT when a session begins (section 4); worth a probe first, because hardly any client asks so.
 */
import { Pop3ProtocolError, Pop3ReplyError } from '../errors.ts'
import { type Verb, numbered } from './commands.ts'
import type { Connection } from './connection.ts'
import { parseListingLine, parseOctets, usableUidl } from './listing.ts'

/** One message of a listing. */
export interface ListedMessage {
  readonly n: number
  /** One character a byte; null where the server has none for it. */
  readonly uidl: string | null
  readonly octets: number
}

/** Which commands answer about a single message, by the number that was asked. */
export interface NumberedListing {
  readonly list: boolean
  readonly uidl: boolean
}

/**
 * Asks about one message. An answer about another one means that replies and commands do not match any more: that ends the
 * session, before bytes of one mail are taken for another's.
 * @param parse makes the value of what follows the number; undefined where that is no answer
 */
export async function askAbout<T>(
  connection: Connection,
  verb: Verb,
  n: number,
  parse: (rest: string) => T | undefined,
): Promise<T> {
  return connection.run({
    command: numbered(verb, n),
    read: ({ text }) => {
      const line = parseListingLine(text)
      if (line === undefined) throw unreadable(connection, `${verb} ${n}`, text)
      if (line.n !== n) throw aboutAnother(connection, `${verb} ${n}`, line.n)
      const result = parse(line.rest)
      if (result === undefined) throw unreadable(connection, `${verb} ${n}`, text)
      return result
    },
  })
}

/**
 * Finds out whether `LIST 1` and `UIDL 1` are answered about message 1 in one line. Not every server reads the argument:
 * some send the whole listing (Mailpit before 1.26.1), some the value without the number. To be called before anything
 * else is asked, with at least one message in the mailbox; the session is in step afterwards in any case.
 * @param messages count of STAT: more lines are no listing
 */
export async function probeNumbered(
  connection: Connection,
  messages: number,
): Promise<NumberedListing> {
  return {
    list: await probe(connection, 'LIST', messages, parseOctets),
    uidl: await probe(
      connection,
      'UIDL',
      messages,
      (rest) => uidlOrNone(connection, rest) ?? undefined,
    ),
  }
}

async function probe(
  connection: Connection,
  verb: Verb,
  messages: number,
  parse: (rest: string) => unknown,
): Promise<boolean> {
  let lines = 0
  const fits = (text: string): boolean => {
    const line = parseListingLine(text)
    return line?.n === 1 && parse(line.rest) !== undefined
  }
  try {
    return await connection.run({
      ...{ command: numbered(verb, 1), expects: 'lines', wholeIn: fits },
      onLine: () => {
        lines += 1
        if (lines > messages) throw endless(connection, verb)
      },
      read: ({ text }) => fits(text),
    })
  } catch (error) {
    // The message may be gone already (another client); then the full listing says so.
    if (error instanceof Pop3ReplyError) return false
    throw error
  }
}

/**
 * Messages `from` to `to`. Numbers that the server refuses are left out: gone since STAT, or unreadable for now.
 * @throws Pop3ProtocolError MAILDRAIN_POP3_DESYNC when an answer is about another message: the session is over
 */
export async function listWindow(
  connection: Connection,
  from: number,
  to: number,
  ask: NumberedListing,
): Promise<ListedMessage[]> {
  const asked: Promise<ListedMessage | undefined>[] = []
  for (let n = from; n <= to; n += 1) asked.push(listOne(connection, n, ask))
  const answers = await Promise.allSettled(asked)
  const listed: ListedMessage[] = []
  for (const answer of answers) {
    // All were waited for: whoever goes on after an error must not be overtaken by the rest.
    if (answer.status === 'rejected') throw answer.reason
    if (answer.value !== undefined) listed.push(answer.value)
  }
  return listed
}

async function listOne(
  connection: Connection,
  n: number,
  ask: NumberedListing,
): Promise<ListedMessage | undefined> {
  // Both leave before either is waited for, so that they share a segment.
  const size = softly(askAbout(connection, 'LIST', n, parseOctets))
  const uidl = ask.uidl
    ? softly(askAbout(connection, 'UIDL', n, (rest) => uidlOrNone(connection, rest)))
    : null
  const [octets, name] = await Promise.all([size, uidl])
  if (octets === REFUSED || name === REFUSED) return undefined
  return { n, octets, uidl: name }
}

/** Some servers name the message and no unique-id. */
const uidlOrNone = ({ maxUidlBytes }: Connection, rest: string): string | null =>
  usableUidl(rest, maxUidlBytes) ?? null

const REFUSED = Symbol('refused')

async function softly<T>(answer: Promise<T>): Promise<T | typeof REFUSED> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof Pop3ReplyError) return REFUSED
    throw error
  }
}

/** The error for text that is no reply to the command. */
export function unreadable(
  { server, clean }: Connection,
  command: string,
  text: string,
): Pop3ProtocolError {
  return new Pop3ProtocolError(
    'MAILDRAIN_POP3_PROTOCOL',
    `${server} answered ${command} with "${clean(text)}", which is no reply to it; the connection is closed, look at the server`,
  )
}

const endless = ({ server }: Connection, verb: Verb): Pop3ProtocolError =>
  new Pop3ProtocolError(
    'MAILDRAIN_POP3_LIMIT',
    `${server} answered ${verb} 1 with more lines than STAT counted messages; the connection is closed, look at the server`,
  )

const aboutAnother = ({ server }: Connection, command: string, n: number): Pop3ProtocolError =>
  new Pop3ProtocolError(
    'MAILDRAIN_POP3_DESYNC',
    `${server} answered ${command} about message ${n}: replies do not match commands any more; the connection is closed and maildrain reconnects without pipelining`,
  )
