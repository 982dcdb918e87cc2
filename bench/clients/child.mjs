// One client, one case, one process: `node child.mjs CLIENT JOB` with the job as JSON. What came of it goes to the parent.
import { createHash } from 'node:crypto'
import { inspect } from 'node:util'
import { adapters } from './adapters.mjs'

const [name, text] = process.argv.slice(2)
const job = JSON.parse(text)

const shown = (error) => inspect(error, { depth: 6, breakLength: Infinity })
const finish = (result) => {
  const maxRss = process.resourceUsage().maxRSS * 1024
  process.send({ ...result, ms: performance.now() - begin, maxRss }, () => process.exit(0))
}
let begin = performance.now()
for (const event of ['uncaughtException', 'unhandledRejection'])
  process.on(event, (error) => finish({ outcome: 'crash', error: shown(error) }))

const sha = (bytes) => createHash('sha256').update(bytes).digest('hex')
const crlf = Buffer.from('\r\n')
const withoutLast = (bytes) => (bytes.subarray(-2).equals(crlf) ? bytes.subarray(0, -2) : bytes)

/** A client that answers with text is right when either reading of it as bytes is; the last CRLF may be left out. */
function content(value) {
  const readings = Buffer.isBuffer(value)
    ? [value]
    : [Buffer.from(String(value), 'utf8'), Buffer.from(String(value), 'latin1')]
  return {
    shas: readings.map((bytes) => sha(withoutLast(bytes))),
    octets: readings[0].length,
    begin: readings.at(-1).toString('latin1', 0, 4000),
  }
}

async function attempt(run) {
  try {
    return await run()
  } catch (error) {
    return { error: shown(error) }
  }
}

async function messages(client, { numbers, atOnce }) {
  const read = (n) => attempt(async () => content(await client.retr(n)))
  if (atOnce && client.atOnce) return Promise.all(numbers.map(read))
  const results = []
  for (const n of numbers) results.push(await read(n))
  return results
}

async function uidls(client) {
  const hash = createHash('sha256')
  let count = 0
  await client.uidl((n, uidl) => {
    if (uidl === undefined || uidl === '') return
    hash.update(`${n} ${uidl}\n`)
    count += 1
  })
  return [{ count, shas: [hash.digest('hex')] }]
}

const client = await adapters[name](job)
if ((job.needs ?? []).some((what) => client[what] === undefined)) finish({ outcome: 'absent' })
begin = performance.now()
const results = await attempt(async () => {
  await client.connect()
  if (job.do === 'retr') return messages(client, job)
  if (job.do === 'uidl') return uidls(client)
  if (job.do === 'stat, retr')
    return [
      await attempt(async () => ({ count: await client.stat() })),
      ...(await messages(client, job)),
    ]
  if (job.do === 'quit')
    return [await attempt(async () => ({ quit: (await client.quit()) ?? true }))]
  return [{ connected: true }]
})
finish({ outcome: 'done', results: Array.isArray(results) ? results : [results] })
