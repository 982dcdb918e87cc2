// Writes docs/reference from the tables in the code; with --check it only says whether they are up to date.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { register } from 'tsx/esm/api'
import { switchPage } from './switch-table.mjs'

const root = join(import.meta.dirname, '..')
const { referencePages } = await import(join(root, 'dist', 'config', 'reference.js'))

// What it shows is declared in tests, which are not built.
register()
const { withFigures } = await import('./guarantee-figures.ts')

const GUARANTEES = 'docs/guarantees.md'
const pages = {
  ...referencePages(),
  'docs/reference/test-server.md': switchPage(),
  [GUARANTEES]: withFigures(root, readFileSync(join(root, GUARANTEES), 'utf8')),
}

let stale = 0
for (const [path, text] of Object.entries(pages)) {
  const file = join(root, path)
  const options = await resolveConfig(file)
  const wanted = await format(text, { ...options, filepath: file })
  let found = ''
  try {
    found = readFileSync(file, 'utf8')
  } catch {
    // Not there yet.
  }
  if (found === wanted) continue
  stale += 1
  if (process.argv.includes('--check'))
    console.error(`${path} is not up to date; run npm run generate`)
  else {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, wanted)
    console.log(`wrote ${path}`)
  }
}
if (process.argv.includes('--check') && stale > 0) process.exitCode = 1
