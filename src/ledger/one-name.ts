/**
 * A file that more than one name leads to. SQLite finds the log of a file, and we its lock, by directory and name: under two
 * names there are two logs and two locks, and each drainer writes over what the other has committed.
 */
import { statSync } from 'node:fs'
import { SinkError } from '../errors.ts'
import { type FileSystemLook, mountPoints, systemLook } from './file-system.ts'

/**
 * Asked by whoever is going to write; who comes second under another name sees it too.
 * @param path the file's one name as far as links go (`locateFile`); need not exist
 * @throws SinkError MAILDRAIN_SINK_REFUSED
 */
export function assertOneName(path: string, look: FileSystemLook = systemLook): void {
  const names = statSync(path, { throwIfNoEntry: false })?.nlink ?? 1
  if (names > 1)
    throw refused(`${path} has ${names} names (hard links)`, 'remove the others, or copy the file')
  // Of a file that is mounted by itself (docker -v mail.db:/data/mail.db) the log stays on this side, and is gone with it.
  if (mountPoints(look.mounts()).includes(path))
    throw refused(`${path} is mounted by itself`, 'mount its directory')
}

const refused = (what: string, remedy: string): SinkError =>
  new SinkError(
    'MAILDRAIN_SINK_REFUSED',
    `${what}: its log and its lock lie under this name, and another drainer would not see them; ${remedy}`,
  )
