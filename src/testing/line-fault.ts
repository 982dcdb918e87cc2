/** Where the line of one connection breaks, to the octet, and how. */
import { type ClientLine, ReplyTracker } from './reply-tracker.ts'

export type Side = 'client' | 'server'

interface Strike {
  /**
   * `reset`: both sides are reset. `swallow`: nothing more of what that side sends arrives, and nothing is closed.
   */
  readonly then: 'reset' | 'swallow'
}

/** Strikes when so many octets of one side have passed; with 0, when its first one comes. */
export interface OctetFault extends Strike {
  readonly from: Side
  readonly octets: number
}

/** Strikes at a reply of a POP3 server, in clear. */
export interface ReplyFault extends Strike {
  /** Of which line? The text is without its line end, numbers count from 1; the greeting has number 0 and no text. */
  readonly replyTo: (line: ClientLine) => boolean
  /** `before`: as its first octet comes, so that the command was carried out. `after`: when its last octet has passed. */
  readonly when: 'before' | 'after'
}

export type LineFault = OctetFault | ReplyFault

/** How much of a chunk passes, and whether the fault strikes then. */
export interface Verdict {
  readonly octets: number
  readonly strikes: boolean
}

/** Judges what passes on one connection, from either side, until the fault has struck. */
export type LineGate = (from: Side, chunk: Buffer) => Verdict

export const gateOf = (fault: LineFault): LineGate =>
  'octets' in fault ? octetGate(fault) : replyGate(fault)

const whole = ({ length }: Buffer): Verdict => ({ octets: length, strikes: false })

function octetGate(fault: OctetFault): LineGate {
  let left = fault.octets
  return (from, chunk) => {
    if (from !== fault.from) return whole(chunk)
    const octets = Math.min(left, chunk.length)
    left -= octets
    return { octets, strikes: left === 0 }
  }
}

function replyGate({ replyTo, when }: ReplyFault): LineGate {
  const tracker = new ReplyTracker()
  const wanted = when === 'before' ? 'begin' : 'end'
  return (from, chunk) => {
    if (from === 'client') {
      tracker.client(chunk)
      return whole(chunk)
    }
    let verdict = whole(chunk)
    tracker.server(chunk, (edge, line, octets) => {
      if (edge !== wanted || !replyTo(line)) return true
      verdict = { octets, strikes: true }
      return false
    })
    return verdict
  }
}
