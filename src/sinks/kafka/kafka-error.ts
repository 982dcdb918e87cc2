/**
 * From the errors of kafkajs and the protocol to the table of errors: who has to act, and whether the same attempt can
 * succeed later.
 */
import { ConfigError, MaildrainError, SinkError, describeError } from '../../errors.ts'

/** Protocol error codes (kafka.apache.org/protocol, "Error Codes") that are told apart. */
const PROTOCOL = {
  offsetOutOfRange: 1,
  messageTooLarge: 10,
  recordListTooLarge: 18,
  topicAuthorization: 29,
  clusterAuthorization: 31,
  unsupportedSaslMechanism: 33,
  invalidTopic: 17,
  invalidPartitions: 37,
  invalidReplicationFactor: 38,
  invalidConfig: 40,
  policyViolation: 44,
  /** Fenced, or the transaction timed out: kafkajs speaks versions that cannot tell (its InitProducerId is v1). */
  invalidProducerEpoch: 47,
  transactionalIdAuthorization: 53,
  saslAuthenticationFailed: 58,
  producerFenced: 90,
} as const

const REFUSALS = new Map<number, string>([
  [
    PROTOCOL.topicAuthorization,
    'give maildrain Create, Describe, Read and Write on the topic and on its .ledger',
  ],
  [
    PROTOCOL.clusterAuthorization,
    'give maildrain Create on the cluster, or make the topics beforehand',
  ],
  [
    PROTOCOL.transactionalIdAuthorization,
    'give maildrain Write and Describe on transactional ids that begin with maildrain',
  ],
  [PROTOCOL.unsupportedSaslMechanism, 'name a SASL mechanism that the brokers offer'],
  [PROTOCOL.saslAuthenticationFailed, 'correct user and password'],
  [PROTOCOL.invalidTopic, 'name another topic'],
  [PROTOCOL.invalidPartitions, 'make the topic beforehand'],
  [PROTOCOL.invalidReplicationFactor, 'make the topic beforehand'],
  [PROTOCOL.invalidConfig, 'make the topic beforehand'],
  [PROTOCOL.policyViolation, 'make the topic beforehand, as the policy of the cluster wants it'],
])

/**
 * kafkajs 2.2 says that a login failed also when the connection broke off under it or nobody answered, and keeps of the
 * reason only the text. These are its own texts for that, none of which a broker sends.
 */
const LOGIN_BROKEN_OFF =
  / failed: (Closed connection|Connection closed by the server|Connection error: |Connection timeout|Not connected|Request SaslAuthenticate\(.*\) timed out)/

interface ProtocolFailure {
  readonly code?: unknown
  readonly cause?: unknown
  readonly errors?: unknown
}

/** kafkajs wraps: an aggregate of topic errors, or the last cause of many retries. */
function* causes(error: unknown): Iterable<Error & ProtocolFailure> {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 8; depth += 1) {
    const failure: Error & ProtocolFailure = at
    yield failure
    at = Array.isArray(failure.errors) ? failure.errors[0] : failure.cause
  }
}

function protocolCode(error: unknown): number | null {
  for (const { code } of causes(error)) if (typeof code === 'number') return code
  return null
}

/** Fenced by another owner, or too slow for the transaction timeout. */
export function isEpochLost(error: unknown): boolean {
  const code = protocolCode(error)
  return code === PROTOCOL.invalidProducerEpoch || code === PROTOCOL.producerFenced
}

export function isTooLarge(error: unknown): boolean {
  const code = protocolCode(error)
  return code === PROTOCOL.messageTooLarge || code === PROTOCOL.recordListTooLarge
}

/** Asked for what is behind the end of a partition, or below what is left of it. */
export const isOutOfRange = (error: unknown): boolean =>
  protocolCode(error) === PROTOCOL.offsetOutOfRange

/** The deepest reason that has a text, on one line. */
function reasonOf(error: unknown): string {
  let reason = ''
  for (const { message } of causes(error)) if (message !== '') reason = message
  return (reason || describeError(error)).replace(/\s+/g, ' ').slice(0, 300)
}

/**
 * @param what was attempted, e.g. `create topic mail`
 * @returns the error itself when it has a code of ours already
 */
export function kafkaFailure(error: unknown, what: string): MaildrainError {
  for (const cause of causes(error)) if (cause instanceof MaildrainError) return cause
  const failed = `could not ${what}: ${reasonOf(error)}`
  const remedy = REFUSALS.get(protocolCode(error) ?? -1)
  const options = { cause: error }
  if (remedy !== undefined)
    return new SinkError('MAILDRAIN_SINK_REFUSED', `${failed}; ${remedy}`, options)
  // Ours, or the library's: waiting does not help.
  if (error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError)
    return new MaildrainError('MAILDRAIN_INTERNAL', failed, options)
  for (const { name, message } of causes(error))
    if (name === 'KafkaJSSASLAuthenticationError' && !LOGIN_BROKEN_OFF.test(message))
      return new SinkError(
        'MAILDRAIN_SINK_REFUSED',
        `${failed}; correct user and password`,
        options,
      )
    else if (name === 'KafkaJSNotImplemented')
      return new ConfigError('MAILDRAIN_CONFIG_INVALID', failed, options)
  return new SinkError(
    'MAILDRAIN_SINK_UNREACHABLE',
    `${failed}; start Kafka or correct its address`,
    options,
  )
}
