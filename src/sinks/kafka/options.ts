/** Options of the Kafka sink, declared once. */
import { z } from 'zod'

/** Topic names as the broker takes them; `.ledger` must still fit behind. */
const TOPIC = /^(?!\.{1,2}$)[a-zA-Z0-9._-]{1,242}$/

const sasl = z.strictObject({
  mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']),
  username: z.string().min(1),
  password: z.string().min(1).meta({ secret: true }),
})

export const kafkaSinkOptions = z.strictObject({
  brokers: z
    .array(z.string().regex(/^.+:\d{1,5}$/, 'a broker is written HOST:PORT'))
    .min(1)
    .describe('Brokers to begin with, HOST:PORT; the others are learnt from them.'),
  topic: z
    .string()
    .regex(TOPIC, 'a topic has up to 242 letters, digits, dots, underscores and hyphens')
    .describe('Topic of the records. The ledger is the topic of this name with .ledger behind it.'),
  format: z
    .enum(['avro', 'json'])
    .default('avro')
    .describe('Encoding of a record: Avro single-object encoding, or JSON with raw as base64.'),
  clientId: z.string().min(1).default('maildrain').describe('Name in the logs of the brokers.'),
  ssl: z
    .union([
      z.boolean(),
      z.strictObject({
        ca: z.string().optional(),
        cert: z.string().optional(),
        key: z.string().meta({ secret: true }).optional(),
        servername: z.string().optional(),
      }),
    ])
    .default(false)
    .describe('TLS to the brokers; an object gives PEM texts of authority and client certificate.'),
  sasl: sasl.optional().describe('Login at the brokers.'),
  transactionTimeoutMs: z
    .int()
    .min(1000)
    .max(900_000)
    .default(60_000)
    .describe(
      'Milliseconds after which the broker aborts a transaction; a batch is planned to take a quarter.',
    ),
  requestTimeoutMs: z
    .int()
    .min(100)
    .default(12_000)
    .describe('Milliseconds that the answer to a request is waited for.'),
  connectTimeoutMs: z
    .int()
    .min(100)
    .default(5000)
    .describe('Milliseconds that a connection to a broker may take.'),
  openPatienceMs: z
    .int()
    .min(0)
    .default(30_000)
    .describe('Milliseconds that unreachable brokers are waited for at the start.'),
})

export interface KafkaSinkOptions extends z.input<typeof kafkaSinkOptions> {}
export type ResolvedKafkaSinkOptions = z.output<typeof kafkaSinkOptions>
