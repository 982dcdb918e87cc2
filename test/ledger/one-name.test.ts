import { linkSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { locateFile } from '../../src/ledger/ledger-file.ts'
import { assertOneName } from '../../src/ledger/one-name.ts'

const newPath = (): string => join(mkdtempSync(join(tmpdir(), 'maildrain-name ')), 'mail.db')
const refused = expect.objectContaining({ code: 'MAILDRAIN_SINK_REFUSED' }) as Error

it('G11: a file with hard links is refused under each of its names, until there is one again', () => {
  const path = newPath()
  assertOneName(path)
  writeFileSync(path, 'x')
  assertOneName(path)
  const other = `${path}.other`
  linkSync(path, other)
  for (const name of [path, other]) expect(() => assertOneName(name)).toThrow(refused)
  rmSync(path)
  assertOneName(other)
})

it('G11: a file that is mounted by itself is refused, its directory may be mounted', () => {
  const path = newPath()
  writeFileSync(path, 'x')
  const escaped = path.replaceAll(' ', '\\040')
  const mounted = (point: string) => ({
    type: () => 0,
    mounts: () => `1 1 8:1 / / rw - ext4 /dev/sda rw\n2 1 8:1 /a ${point} rw - ext4 /dev/sda rw\n`,
  })
  expect(() => assertOneName(path, mounted(escaped))).toThrow(/mount its directory/)
  assertOneName(path, mounted(join(escaped, '..')))
  assertOneName(path, mounted(`${escaped}.other`))
})

it('a symbolic link is one way to the same name', () => {
  const path = newPath()
  writeFileSync(path, 'x')
  symlinkSync(path, `${path}.link`)
  expect(locateFile(`${path}.link`)).toBe(locateFile(path))
  assertOneName(locateFile(`${path}.link`))
})
