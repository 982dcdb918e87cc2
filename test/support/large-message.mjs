// Reads one message of a size that no memory should hold, and says how much memory it took. In a process of its own.
import { createHash } from 'node:crypto'
import { Pop3Client } from '../../dist/pop3/index.js'

const { port, octets } = JSON.parse(process.argv[2] ?? '{}')
const auth = { user: 'user', password: 'secret' }
const client = await Pop3Client.connect({ host: '127.0.0.1', port, tls: 'none', auth })
await client.login()
const hash = createHash('sha256')
// The first few MB bring the process to its size.
const WARM_UP = 20e6
let came = 0
let before = 0
let most = 0
const { octets: total } = await client.retr(1, {
  octets,
  onData(chunk) {
    hash.update(chunk)
    came += chunk.length
    const { rss } = process.memoryUsage()
    if (came < WARM_UP) before = Math.max(before, rss)
    else most = Math.max(most, rss)
  },
})
await client.quit()
console.log(JSON.stringify({ octets: total, sha256: hash.digest('hex'), growth: most - before }))
