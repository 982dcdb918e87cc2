/**
 * The POP3 server of `maildrain/testing` as a process of its own, for the demo, for tests that kill their client, and for
 * clients in other languages:
 *
 *   MAILDRAIN_SERVE_PASSWORD=… node serve.js --messages 2000 --seed 1 --profile mixed --likeness gmail --port 1110
 *
 * It prints `{"port":…,"pid":…}` when it listens, answers each line `remaining` on stdin with
 * `{"remaining":…,"sessions":…}`, and ends when stdin does, so it never outlives whoever started it.
 */
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { type MailboxProfile, generateMailbox } from './generate-mailbox.ts'
import { type LikenessName, likeness, likenesses } from './likeness.ts'
import { startPop3Server } from './pop3-server.ts'

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    profile: { type: 'string', default: 'mixed' },
    likeness: { type: 'string' },
    port: { type: 'string', default: '0' },
  },
})

const name = values.likeness as LikenessName | undefined
if (name !== undefined && !Object.hasOwn(likenesses, name)) {
  console.error(`no likeness ${name}; there are ${Object.keys(likenesses).join(', ')}`)
  process.exit(2)
}

const server = await startPop3Server({
  ...(name === undefined ? {} : likeness(name)),
  port: Number(values.port),
  mailbox: generateMailbox({
    messages: Number(values.messages),
    seed: Number(values.seed),
    profile: values.profile as MailboxProfile,
  }),
  password: process.env.MAILDRAIN_SERVE_PASSWORD ?? 'secret',
  logLimit: 100,
})

const say = (value: object): void => {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}
const end = (): void => {
  void server.close().then(() => process.exit(0))
}
process.once('SIGTERM', end)
// Ctrl-C on the terminal reaches every process; the server ends after its clients, with stdin.
process.on('SIGINT', () => undefined)
createInterface({ input: process.stdin })
  .on('line', (line) => {
    if (line === 'remaining') say({ remaining: server.remaining(), sessions: server.logins })
  })
  .once('close', end)

say({ port: server.port, pid: process.pid })
