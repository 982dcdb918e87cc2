/** Where locks and scratch files go unless somebody says otherwise. */
import { homedir } from 'node:os'
import { join } from 'node:path'

/** `$XDG_STATE_HOME/maildrain`, or its standard place in the home directory. */
export const defaultStateDir = (): string =>
  join(process.env.XDG_STATE_HOME ?? join(homedir(), '.local', 'state'), 'maildrain')
