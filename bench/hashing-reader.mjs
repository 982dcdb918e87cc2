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
const sizes = []
await client.listAll((n, octets) => sizes.push({ n, octets }), messages)
const reading = sizes.map(read)
await Promise.all(reading)
const seconds = (performance.now() - started) / 1000
await client.quit()
console.log(JSON.stringify({ seconds, bytes, messages: digests.size }))
