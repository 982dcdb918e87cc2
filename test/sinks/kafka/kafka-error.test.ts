import { expect, it } from 'vitest'
import { SinkError } from '../../../src/errors.ts'
import { isEpochLost, isTooLarge, kafkaFailure } from '../../../src/sinks/kafka/kafka-error.ts'
import { protocolError } from '../../support/model-broker.ts'

const kafkajs = (name: string, message: string, cause?: unknown): Error =>
  Object.assign(new Error(message, { cause }), { name })

/** As kafkajs 2.2 wraps the reason, of which it keeps the text alone. */
const login = (reason: string): Error =>
  kafkajs('KafkaJSSASLAuthenticationError', `SASL PLAIN authentication failed: ${reason}`)

it.each([
  [
    'a refused connection',
    kafkajs('KafkaJSConnectionError', 'ECONNREFUSED'),
    'MAILDRAIN_SINK_UNREACHABLE',
  ],
  [
    'a refusal of the broker',
    protocolError(29, 'TOPIC_AUTHORIZATION_FAILED'),
    'MAILDRAIN_SINK_REFUSED',
  ],
  [
    'a refusal for one of several topics',
    Object.assign(new Error(''), { errors: [protocolError(44, 'POLICY_VIOLATION')] }),
    'MAILDRAIN_SINK_REFUSED',
  ],
  [
    'a refusal behind many retries',
    kafkajs('KafkaJSNumberOfRetriesExceeded', 'gave up', protocolError(53, 'TRANSACTIONAL_ID')),
    'MAILDRAIN_SINK_REFUSED',
  ],
  ['a wrong password', login('Authentication failed'), 'MAILDRAIN_SINK_REFUSED'],
  ['a login cut off', login('Closed connection'), 'MAILDRAIN_SINK_UNREACHABLE'],
  ['a login reset', login('Connection error: reset'), 'MAILDRAIN_SINK_UNREACHABLE'],
  [
    'a login that nobody answers',
    login('Request SaslAuthenticate(key: 36, version: 1) timed out'),
    'MAILDRAIN_SINK_UNREACHABLE',
  ],
  [
    'a compression without its codec',
    kafkajs('KafkaJSNotImplemented', 'no'),
    'MAILDRAIN_CONFIG_INVALID',
  ],
  ['a bug', new TypeError('undefined is not a function'), 'MAILDRAIN_INTERNAL'],
])('%s', (_, error, code) => {
  const failure = kafkaFailure(error, 'create topic mail')
  expect(failure).toMatchObject({ code, cause: error })
  expect(failure.message).toContain('could not create topic mail')
})

it('an error with a code of ours passes, also from within', () => {
  const ours = new SinkError('MAILDRAIN_SINK_FENCED', 'taken over')
  expect(kafkaFailure(kafkajs('KafkaJSError', 'x', ours), 'y')).toBe(ours)
})

it('a lost epoch and a batch that is too large are told apart, wherever they are', () => {
  const wrapped = (code: number) => kafkajs('KafkaJSError', 'x', protocolError(code, 'x'))
  expect([47, 90, 10].map((code) => isEpochLost(wrapped(code)))).toEqual([true, true, false])
  expect([10, 18, 47].map((code) => isTooLarge(wrapped(code)))).toEqual([true, true, false])
})
