// maildrain/pop3 as a program uses it that wants every message whole and its SHA-256: dots unstuffed, nothing kept.
import { createHash } from 'node:crypto'
import { Pop3Client } from '../dist/pop3/index.js'

const { host, port, user, password, messages } = JSON.parse(process.argv[2] ?? '{}')
const client = await Pop3Client.connect({ host, port, tls: 'none', auth: { user, password } })
await client.login()
let bytes = 0
const digests = new Set()

async function read({ n, octets }) {
  const hash = createHash('sha256')
  const onData = (chunk) => hash.update(chunk)
  const message = await client.retr(n, { octets, onData })
  bytes += message.octets
  digests.add(hash.digest('hex'))
}

const started = performance.now()
const ask = await client.probeNumbered(messages)
const WINDOW = 200
const list = (from) => client.window(from, Math.min(messages, from + WINDOW - 1), ask)
const reading = []
let ahead = list(1)
for (let from = 1; from <= messages; from += WINDOW) {
  const window = await ahead
  if (from + WINDOW <= messages) ahead = list(from + WINDOW)
  reading.push(...window.map(read))
}
await Promise.all(reading)
const seconds = (performance.now() - started) / 1000
await client.quit()
console.log(JSON.stringify({ seconds, bytes, messages: digests.size }))
