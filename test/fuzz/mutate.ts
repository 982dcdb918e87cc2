/** Small changes to an input, by chance that follows from a seed. */

/** Words of the protocol, and what parsers of it have stumbled over. */
const TOKENS: readonly Buffer[] = [
  ...['+OK', '+OK ', '-ERR', '-ERR ', '+ ', '+', '+OKAY', '-ERROR', '+ok', '+OK\r\n', '-ERR\r\n'],
  ...['\r\n', '\n', '\r', '.', '..', '\r\n.', '\r\n.\r\n', '.\r\n', '\n.\n', '\n.\r\n', '\r\n.\n'],
  ...[
    '\r.\r',
    '.\r',
    '.\r\r\n',
    '\r\r\n',
    '\r\n..\r\n',
    '\0',
    '\x7f',
    '\xff',
    '\x1b[2J',
    ' ',
    '\t',
  ],
  ...[
    '1',
    '2',
    '0',
    '9999999999',
    '99999999999',
    '1 1',
    '2 120',
    '3 uid',
    '1 120 octets',
    '1 -1',
    '-',
  ],
  ...['STLS', 'UIDL', 'TOP', 'SASL PLAIN', 'SASL=PLAIN', 'PIPELINING', 'EXPIRE 0', 'EXPIRE NEVER'],
  ...['LOGIN-DELAY 900 USER', 'RESP-CODES', 'AUTH-RESP-CODE', 'UTF8 USER', 'IMPLEMENTATION x'],
  ...['[IN-USE]', '[SYS/TEMP]', '[AUTH]', '[UTF8]', '[LOGIN-DELAY]', '[', ']', 'secret', '<a@b>'],
  ...['Disconnected for inactivity.', 'autologout', '\xe2\x80\xae', '\xc2\x9b', 'x'.repeat(70)],
].map((token) => Buffer.from(token, 'latin1'))

const MAX_INPUT = 600

/** Lehmer generator (Park and Miller): the same inputs for the same seed on any machine. */
export class Chance {
  #state: number

  constructor(seed: number) {
    this.#state = (Math.abs(seed) % 2147483646) + 1
  }

  /** A whole number from 0, below `limit`. */
  below(limit: number): number {
    this.#state = (this.#state * 48271) % 2147483647
    return this.#state % limit
  }

  pick<T>(from: readonly T[]): T {
    const found = from[this.below(from.length)]
    if (found === undefined) throw new RangeError('nothing to pick from')
    return found
  }
}

/** @param corpus what a part may be taken from */
export function mutate(input: Buffer, corpus: readonly Buffer[], chance: Chance): Buffer {
  let result = input
  for (let times = 1 + chance.below(4); times > 0; times -= 1)
    result = chance.pick(MUTATIONS)(result, corpus, chance)
  return result.subarray(0, MAX_INPUT)
}

type Mutation = (input: Buffer, corpus: readonly Buffer[], chance: Chance) => Buffer

const replace = (input: Buffer, from: number, to: number, by: Buffer): Buffer =>
  Buffer.concat([input.subarray(0, from), by, input.subarray(to)])

const flipBit: Mutation = (input, _corpus, chance) => {
  const at = chance.below(input.length + 1)
  return replace(input, at, at + 1, Buffer.of((input[at] ?? 0) ^ (1 << chance.below(8))))
}

const setByte: Mutation = (input, _corpus, chance) => {
  const at = chance.below(input.length + 1)
  return replace(input, at, at + 1, Buffer.of(chance.below(256)))
}

/** What was asked, and where the pieces are cut. */
const changeHeader: Mutation = (input, _corpus, chance) => {
  const at = chance.below(9)
  return replace(input, at, at + 1, Buffer.of(chance.below(256)))
}

const insertToken: Mutation = (input, _corpus, chance) => {
  const at = chance.below(input.length + 1)
  return replace(input, at, at, chance.pick(TOKENS))
}

const overwriteWithToken: Mutation = (input, _corpus, chance) => {
  const at = chance.below(input.length + 1)
  const token = chance.pick(TOKENS)
  return replace(input, at, at + token.length, token)
}

const cutOut: Mutation = (input, _corpus, chance) => {
  const at = chance.below(input.length + 1)
  return replace(input, at, at + 1 + chance.below(16), Buffer.alloc(0))
}

const cutOff: Mutation = (input, _corpus, chance) =>
  input.subarray(0, chance.below(input.length + 1))

const repeatPart: Mutation = (input, _corpus, chance) => {
  const at = chance.below(input.length + 1)
  const end = at + 1 + chance.below(24)
  return replace(input, at, at, input.subarray(at, end))
}

const splice: Mutation = (input, corpus, chance) => {
  const other = chance.pick(corpus)
  const at = chance.below(input.length + 1)
  return Buffer.concat([input.subarray(0, at), other.subarray(chance.below(other.length + 1))])
}

const MUTATIONS: readonly Mutation[] = [
  ...[flipBit, setByte, changeHeader, insertToken, insertToken, overwriteWithToken],
  ...[cutOut, cutOff, repeatPart, splice],
]
