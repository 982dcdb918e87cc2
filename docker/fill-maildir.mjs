/**
 * `node fill-maildir.mjs DIRECTORY MESSAGES`: makes DIRECTORY/Maildir with so many generated messages, once. Runs as root and
 * gives the mailbox to an ordinary user, as a POP3 server refuses root's.
 */
import { chownSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generateMailbox } from '/app/dist/testing/index.js'

const OWNER = 1000

const [directory, messages] = process.argv.slice(2)
const maildir = join(directory, 'Maildir')
if (existsSync(maildir)) {
  console.log(`${maildir} is there already`)
} else {
  // Elsewhere first: what was interrupted is begun anew.
  const unfinished = join(directory, 'unfinished')
  rmSync(unfinished, { recursive: true, force: true })
  chownSync(directory, OWNER, OWNER)
  process.setgid(OWNER)
  process.setuid(OWNER)
  for (const name of ['new', 'cur', 'tmp'])
    mkdirSync(join(unfinished, name), { recursive: true, mode: 0o700 })
  const mailbox = generateMailbox({ messages: Number(messages), seed: 1 })
  for (let index = 0; index < mailbox.size; index += 1) {
    // Names in the order of the messages, as a delivery agent gives them.
    const name = `${1_000_000_000 + index}.M${index}.example`
    writeFileSync(join(unfinished, 'new', name), mailbox.message(index).read())
  }
  renameSync(unfinished, maildir)
  console.log(`${messages} messages in ${maildir}`)
}
