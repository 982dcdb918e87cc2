// Before `npm test` and `npm run demo`: installs and builds whatever a fresh or changed checkout lacks. Called by name in
// both, as .npmrc's ignore-scripts turns pretest and predemo off along with the scripts of packages.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createHash } from 'node:crypto'

const root = join(import.meta.dirname, '..')
const at = (...path) => join(root, ...path)

/** npm and tsc write to stderr here, so that stdout stays the demo's. */
function run(what, command, ...args) {
  console.error(`${what} …`)
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', process.stderr, 'inherit'],
    shell: process.platform === 'win32',
  })
  if (status !== 0) process.exit(status ?? 1)
}

const read = (path) => (existsSync(path) ? readFileSync(path, 'utf8') : '')

function stampOf(...files) {
  const hash = createHash('sha256').update(process.version)
  for (const file of files) hash.update(readFileSync(file))
  return hash.digest('hex')
}

const lock = stampOf(at('package-lock.json'))
const lockStamp = at('node_modules', '.maildrain-lock')
if (read(lockStamp) !== lock) {
  // A tree that npm ci has made is taken as it is; npm leaves its own mark.
  const made = at('node_modules', '.package-lock.json')
  const fresh =
    existsSync(made) && statSync(made).mtimeMs >= statSync(at('package-lock.json')).mtimeMs
  if (!fresh)
    run(
      'installing',
      'npm',
      'ci',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--loglevel=error',
    )
  writeFileSync(lockStamp, lock)
}

const sources = readdirSync(at('src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .sort()
  .map((name) => at('src', name))
const source = stampOf(at('tsconfig.json'), at('tsconfig.build.json'), ...sources)
const sourceStamp = at('dist', '.source')
if (read(sourceStamp) !== source) {
  run(
    'building',
    process.execPath,
    at('node_modules', 'typescript', 'bin', 'tsc'),
    '-p',
    'tsconfig.build.json',
  )
  mkdirSync(at('dist'), { recursive: true })
  writeFileSync(sourceStamp, source)
}
