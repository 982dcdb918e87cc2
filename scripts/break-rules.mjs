// Breaks each rule on purpose, one at a time in a copy, and demands that its tests fail. A rule whose breaking goes
// unnoticed has no test.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const drain = 'test/sources/pop3/drain.test.ts'
const source = (file) => `src/sources/pop3/${file}`

/** rule, what is broken, file, the line as it is, the line that breaks it, tests that must notice */
const breakages = [
  [
    'G1',
    'DELE for what was only read',
    'src/pipeline/gate.ts',
    "if (state === 'durable') numbers",
    "if (state !== 'unresolved') numbers",
    ['test/pipeline/gate.test.ts'],
  ],
  [
    'G1',
    'a message is durable once it is handed on',
    'src/pipeline/admission.ts',
    'else this.#options.batcher.add(',
    'else unit.settle({ kind: "delivered" }), this.#options.batcher.add(',
    [drain],
  ],
  [
    'G1',
    'a failed write counts as delivered',
    'src/pipeline/sink-writer.ts',
    'if (error instanceof BatchError) return error.failures',
    'return new Map()',
    [drain, 'test/pipeline/sink-writer.test.ts'],
  ],
  [
    'G2',
    'QUIT with unresolved messages',
    'src/pipeline/gate.ts',
    'return deletion ? this.#unresolved === 0 : this.#states.size === 0',
    'return true',
    [drain],
  ],
  [
    'G2',
    'an unknown host is trusted to leave what was read',
    source('run.ts'),
    "if (expireDays === null) return 'unknown'",
    "if (expireDays === null) return 'deleted'",
    [drain],
  ],
  [
    'G3',
    'filtered counts as delivered',
    'src/pipeline/admission.ts',
    "verdict.kind === 'delivered' ? { kind: 'filtered' } : verdict",
    'verdict',
    [drain],
  ],
  [
    'G3',
    'a thrown error is swallowed',
    'src/pipeline/delivery.ts',
    'this.#failure ??= { error }',
    'void error',
    [drain, 'test/pipeline/delivery.test.ts'],
  ],
  [
    'G4',
    'a message is complete at its first value',
    'src/pipeline/delivery.ts',
    'if (this.#references === 0) this.#onComplete(this)',
    'if (this.values.length === 1) this.#onComplete(this)',
    [drain, 'test/pipeline/delivery.test.ts'],
  ],
  [
    'G5',
    'the SQLite ledger commits apart from the data',
    'src/sinks/sqlite/sink.ts',
    null,
    null,
    [],
  ],
  [
    'G6',
    'a unique-id alone is identity',
    'src/identity.ts',
    "Buffer.from(sha256, 'hex')))",
    'Buffer.alloc(0)))',
    [drain, 'test/identity.test.ts'],
  ],
  [
    'G6',
    'what is known is deleted without being read',
    source('work.ts'),
    'const delivered = !kept && !this.#options.deleting &&',
    'const delivered = !kept &&',
    [drain, 'test/sources/pop3/work.test.ts'],
  ],
  [
    'G7',
    '+OK to QUIT is proof',
    source('in-doubt.ts'),
    'for (const [key, doubt] of fresh) this.#doubts.set(key, doubt)',
    'for (const [key, doubt] of fresh) { this.#doubts.set(key, doubt); this.gone(key) }',
    [drain],
  ],
  [
    'G7',
    'one empty session proves the mailbox drained',
    source('run.ts'),
    'if (this.#emptyLooks < 2)',
    'if (this.#emptyLooks < 1)',
    [drain],
  ],
  [
    'G8',
    'a short message is accepted',
    source('session.ts'),
    'collector.octets < item.listedOctets',
    'false',
    [drain],
  ],
  [
    'G8',
    '-ERR on RETR means it is gone',
    source('session.ts'),
    "this.#options.state.suspect(item, 'refused', 0)",
    'void 0',
    [drain],
  ],
  ['G9', 'reading after the first DELE', 'src/pop3/protocol.ts', null, null, []],
  [
    'G10',
    'credit is not asked for',
    'src/pipeline/budget.ts',
    'if (this.#out + bytes > this.capacity && this.#out > 0) return false',
    '',
    ['test/sources/pop3/collector.test.ts'],
  ],
  [
    'G10',
    'a message over the limit is read',
    source('work.ts'),
    'listedOctets > this.#options.maxMessageBytes',
    'false',
    [drain],
  ],
]

function attempt([rule, what, file, as, broken, tests]) {
  const copy = mkdtempSync(join(tmpdir(), 'maildrain-broken-'))
  try {
    for (const name of [
      'src',
      'test',
      'schemas',
      'package.json',
      'vitest.config.ts',
      'tsconfig.json',
    ])
      cpSync(join(root, name), join(copy, name), { recursive: true })
    for (const name of ['node_modules', 'dist']) symlinkSync(join(root, name), join(copy, name))
    const path = join(copy, file)
    const text = readFileSync(path, 'utf8')
    if (!text.includes(as)) return `the line to break is no longer in ${file}: ${as}`
    writeFileSync(path, text.replace(as, broken))
    const run = spawnSync(
      process.execPath,
      ['node_modules/vitest/vitest.mjs', 'run', '--bail', '1', '--testTimeout', '10000', ...tests],
      { cwd: copy, encoding: 'utf8', timeout: 120_000 },
    )
    return run.status === 0 ? 'no test noticed' : undefined
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

let unnoticed = 0
for (const breakage of breakages.filter(([, , , as]) => as !== null)) {
  const [rule, what] = breakage
  const problem = attempt(breakage)
  if (problem) unnoticed += 1
  console.log(
    `${problem ? 'NOT NOTICED' : 'noticed    '}  ${rule}  ${what}${problem ? `: ${problem}` : ''}`,
  )
}
console.log(`${breakages.length - unnoticed} of ${breakages.length} breakages noticed`)
process.exitCode = unnoticed > 0 ? 1 : 0
