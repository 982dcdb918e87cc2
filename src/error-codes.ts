/** The stable codes of all errors that are raised on purpose. */
import { type CodeRow, EXIT, row } from './error-row.ts'
import { POP3_ERROR_CODES } from './pop3-error-codes.ts'

/** Stable error codes. Adding one is a feature, changing one is a breaking change. */
export const ERROR_CODES = {
  MAILDRAIN_INTERNAL: row(
    EXIT.bug,
    false,
    'A state that maildrain holds impossible',
    'Report it; nothing was deleted on its account',
  ),
  MAILDRAIN_CONFIG_INVALID: row(
    EXIT.usage,
    false,
    'An option has a wrong value or name',
    'Correct the option named in the message',
  ),
  MAILDRAIN_CONFIG_URL: row(
    EXIT.usage,
    false,
    'A source or destination address cannot be read',
    'Write it in one of the forms that the message shows',
  ),
  MAILDRAIN_CONFIG_PASSWORD_IN_URL: row(
    EXIT.usage,
    false,
    'A password was given in an address',
    'Give it by --password-file or MAILDRAIN_PASSWORD',
  ),
  MAILDRAIN_CONFIG_PASSWORD: row(
    EXIT.usage,
    false,
    'No usable password was given',
    'Give it by --password-file, MAILDRAIN_PASSWORD, or at the prompt',
  ),
  MAILDRAIN_CONFIG_TOKEN: row(
    EXIT.usage,
    false,
    'No usable access token was given',
    'Give it by --token-file, --token-command or MAILDRAIN_TOKEN',
  ),
  MAILDRAIN_CONFIG_PROXY: row(
    EXIT.usage,
    false,
    'The address of the proxy cannot be read',
    'Write socks5://[USER@]HOST[:PORT] or http://[USER@]HOST[:PORT]',
  ),
  MAILDRAIN_CONFIG_CLIENT_CERTIFICATE: row(
    EXIT.usage,
    false,
    'Client certificate, key and passphrase do not fit together',
    'Give the PEM of certificate and key, and the passphrase if the key has one',
  ),
  MAILDRAIN_CONFIG_TRANSFORM: row(
    EXIT.usage,
    false,
    'A transform cannot be part of a drain',
    'Pass plain functions or the stages that maildrain exports',
  ),
  MAILDRAIN_CONFIG_TOPIC_COMPACTED: row(
    EXIT.usage,
    false,
    'The data topic is compacted in a way that would lose mail',
    'Use a topic with cleanup.policy=delete',
  ),
  MAILDRAIN_CONFIG_DURABILITY: row(
    EXIT.usage,
    false,
    'The destination is not durable enough for deletion',
    'Drain without deletion or choose a durable destination',
  ),
  MAILDRAIN_CONFIG_KEEP_NEEDS_UIDL: row(
    EXIT.usage,
    false,
    'The server has no unique-ids, so kept mail cannot be told from new mail',
    'Drain with deletion',
  ),
  MAILDRAIN_CONFIG_SELECTION: row(
    EXIT.usage,
    false,
    'The server does not give what mail is to be chosen by',
    'Choose by size, or drain all of it',
  ),
  ...POP3_ERROR_CODES,
  MAILDRAIN_SINK_UNREACHABLE: row(
    EXIT.sinkFailed,
    true,
    'The destination does not answer',
    'Start it or correct its address; the mail stays on the server',
  ),
  MAILDRAIN_SINK_REFUSED: row(
    EXIT.sinkFailed,
    false,
    'The destination refused',
    'Give the permission or correct the setting that the message names',
  ),
  MAILDRAIN_SINK_UNKNOWN_OUTCOME: row(
    EXIT.sinkFailed,
    true,
    'Whether the last batch was committed is not known yet',
    'Run again: the next run reads the ledger first',
  ),
  MAILDRAIN_SINK_FULL: row(
    EXIT.sinkFailed,
    true,
    'The destination has no space left',
    'Make space and run again',
  ),
  MAILDRAIN_SINK_IO_FAILED: row(
    EXIT.sinkFailed,
    false,
    'Reading, writing or syncing the disk under the destination failed; the file was closed',
    'Look at the disk and the kernel log, then run again: the next run reads the ledger first',
  ),
  MAILDRAIN_SINK_FENCED: row(
    EXIT.otherDrainer,
    false,
    'Another drainer has taken this mailbox and destination over',
    'Let the other one finish',
  ),
  MAILDRAIN_DRAINER_BUSY: row(
    EXIT.otherDrainer,
    false,
    'Another drainer on this host holds this mailbox and destination',
    'Let the other one finish',
  ),
  MAILDRAIN_SINK_NETWORK_FILE_SYSTEM: row(
    EXIT.sinkFailed,
    false,
    'Locks do not hold on this file system',
    'Put the file on a local disk',
  ),
  MAILDRAIN_SINK_RECORD_REJECTED: row(
    EXIT.messagesKept,
    false,
    'The destination rejected a record',
    'Look at the reason; the message stays on the server',
  ),
  MAILDRAIN_SINK_RECORD_TOO_LARGE: row(
    EXIT.messagesKept,
    false,
    'A record is larger than the destination takes',
    'Raise the limit of the destination; the message stays on the server',
  ),
  MAILDRAIN_TRANSFORM_DEADLINE: row(
    EXIT.messagesKept,
    true,
    'A transform has not finished with a message in time',
    'Look at what the transform waits for; the message stays on the server',
  ),
  MAILDRAIN_PARSER_NOT_STARTED: row(
    EXIT.sinkFailed,
    true,
    'No thread that parses mail could be started',
    'Raise the limits of open files, threads and memory; the mail stays on the server',
  ),
  MAILDRAIN_RECORD_UNREADABLE: row(
    EXIT.sinkFailed,
    false,
    'Bytes that should be a record of this schema are not',
    'Read them with the version of maildrain that wrote them',
  ),
  MAILDRAIN_LEDGER_DAMAGED: row(
    EXIT.ledgerUnusable,
    false,
    'The ledger is not what was written',
    'Restore the destination from a backup, or run with --rebuild-ledger',
  ),
  MAILDRAIN_LEDGER_FOREIGN: row(
    EXIT.ledgerUnusable,
    false,
    'The ledger belongs to something else',
    'Name the right destination, or a new one',
  ),
  MAILDRAIN_LEDGER_UIDL_RESET: row(
    EXIT.ledgerUnusable,
    false,
    'All unique-ids of the mailbox have changed, so the ledger knows none of its mail',
    'Drain into another destination, or take all of it for new mail by --on-uidl-reset continue',
  ),
  MAILDRAIN_LEDGER_LOST: row(
    EXIT.ledgerUnusable,
    false,
    'The ledger names records that the destination does not hold, or the destination holds mail that it does not name',
    'Restore what was lost, or run with --rebuild-ledger, --accept-missing, or a new destination',
  ),
  MAILDRAIN_LEDGER_OLDER: row(
    EXIT.ledgerUnusable,
    false,
    'The destination holds mail that was written after the ledger was: it is an older copy',
    'Restore the newer ledger, or run with --rebuild-ledger',
  ),
  MAILDRAIN_LEDGER_NOT_COMPACTED: row(
    EXIT.ledgerUnusable,
    false,
    'The ledger topic would forget entries',
    'Set cleanup.policy=compact on it, and nothing else',
  ),
  MAILDRAIN_DESTINATION_DIFFERS: row(
    EXIT.ledgerUnusable,
    false,
    'Mail at the destination is missing, altered or doubled, or the ledger does not account for it',
    'Look at the report, and restore the destination from a backup',
  ),
  MAILDRAIN_STOPPED: row(
    143,
    false,
    'A signal stopped the drain',
    'Run again; it goes on where it stopped',
  ),
} as const satisfies Record<string, CodeRow>

export type ErrorCode = keyof typeof ERROR_CODES
