/** Faults 53 to 112: of processes, disks, ledgers, destinations, clocks, memory and parsers. */
import type { FaultRow } from './rows.ts'

const ONCE = 'each message is at the destination once'
const NO_DELE = 'no DELE; exit code and one line'

const POSTGRES = 'the PostgreSQL sink'

export const DESTINATION_ROWS: readonly FaultRow[] = [
  // Processes and power.
  { n: 53, fault: 'SIGKILL at any effect', holds: ONCE },
  { n: 54, fault: 'SIGKILL at any fsync', holds: ONCE },
  { n: 55, fault: 'SIGTERM', holds: 'finished or left within the grace; the receipt is true' },
  { n: 56, fault: 'SIGTERM twice', holds: 'it ends at once, as if killed' },
  {
    n: 57,
    fault: 'SIGSTOP, and SIGCONT when another one has worked',
    holds: 'the zombie commits nothing; it deletes at most what it had committed itself',
  },
  { n: 58, fault: 'the power fails at any moment', holds: ONCE },
  // Disks.
  {
    n: 59,
    fault: 'fsync fails with EIO',
    holds: 'the file is not used again; exit 5 and one line',
  },
  {
    n: 60,
    fault: 'the n-th write fails with ENOSPC',
    holds: 'drained when there is space again',
  },
  { n: 61, fault: 'a write is short', holds: ONCE },
  { n: 62, fault: 'calls are interrupted again and again (EINTR)', holds: ONCE },
  { n: 63, fault: 'each fsync takes two seconds', holds: ONCE },
  { n: 64, fault: 'no inodes are left', holds: NO_DELE },
  {
    n: 65,
    fault: 'the quota is used up, or the file may not grow (EDQUOT, EFBIG)',
    holds: NO_DELE,
  },
  { n: 66, fault: 'no file can be opened any more (EMFILE)', holds: NO_DELE },
  { n: 67, fault: 'the file system is mounted read-only', holds: NO_DELE },
  { n: 68, fault: 'the directory is removed', holds: NO_DELE },
  { n: 69, fault: 'the ledger may not be read (mode 000)', holds: NO_DELE },
  // The ledger.
  {
    n: 70,
    fault: 'the ledger is cut off, at every 13th octet',
    holds: 'refused, or as if it were whole',
  },
  { n: 71, fault: 'a bit of the ledger is flipped', holds: 'refused, or as if it were whole' },
  {
    n: 72,
    fault: 'an older copy of the ledger was restored',
    holds: 'Kafka: refused; SQLite: what is on the server when the file is back is delivered once',
  },
  {
    n: 73,
    fault: 'the ledger is gone',
    holds: 'refused until it is rebuilt; where the whole file is gone, delivered again, once',
  },
  { n: 74, fault: 'the ledger is that of another account', holds: 'none of it is believed' },
  // Two drainers, and memory.
  { n: 75, fault: 'two drainers on one host', holds: 'the second is told so; exit 7' },
  { n: 76, fault: 'two drainers on two hosts', holds: `${ONCE}; one of them ends with exit 7` },
  {
    n: 77,
    fault: 'memory is used up: killed by the kernel, or the heap is full',
    holds: 'as if killed',
  },
  // Kafka.
  { n: 78, fault: 'the broker is killed', holds: 'no DELE before it has acknowledged' },
  {
    n: 79,
    fault: 'the broker freezes',
    holds: 'no DELE before it has acknowledged',
  },
  { n: 80, fault: 'another broker becomes leader', holds: 'no DELE before it has acknowledged' },
  {
    n: 81,
    fault: 'fewer replicas are in sync than the topic wants',
    holds: 'waited for; no DELE',
  },
  { n: 82, fault: "the broker's disk is full", holds: 'waited for; no DELE' },
  { n: 83, fault: 'the reply to a produce request is lost', holds: ONCE },
  { n: 84, fault: 'the reply to the end of a transaction is lost', holds: ONCE },
  { n: 85, fault: 'a produce request arrives after its transaction was aborted', holds: ONCE },
  {
    n: 86,
    fault: 'another producer has fenced this one',
    holds: 'the owner is read before anything is decided',
  },
  { n: 87, fault: 'the broker no longer knows the producer', holds: ONCE },
  { n: 88, fault: 'the coordinator has moved', holds: ONCE },
  {
    n: 89,
    fault: 'a record is larger than the broker takes',
    holds: 'that message is kept; the others go on',
  },
  { n: 90, fault: 'the topic is deleted, or permission is withdrawn', holds: NO_DELE },
  {
    n: 91,
    fault: 'the SASL session ends',
    holds: 'logged in anew; where that is refused, exit code and one line',
  },
  // Other destinations.
  { n: 97, fault: 'another process writes to the SQLite database', holds: 'waited for' },
  { n: 98, fault: 'another process reads the SQLite database for long', holds: 'waited for' },
  {
    n: 99,
    fault: 'the disk of the SQLite database fails',
    holds: 'the database is not used again',
  },
  // Clocks.
  { n: 100, fault: 'the clock is set back a year, or ahead by ten', holds: ONCE },
  { n: 101, fault: 'the clock stands still', holds: ONCE },
  { n: 102, fault: 'the machine sleeps, and time jumps', holds: ONCE },
  // Any destination, as the kit tries it.
  {
    n: 103,
    fault: 'acknowledgements come out of order',
    holds: 'they cannot: one batch is asked for at a time',
  },
  { n: 104, fault: 'an acknowledgement comes twice', holds: 'it counts once' },
  { n: 105, fault: 'an acknowledgement never comes', holds: 'no DELE' },
  {
    n: 106,
    fault: 'an acknowledgement is for another batch',
    holds: 'each message is deleted by its own',
  },
  { n: 107, fault: 'writing throws at once', holds: 'no DELE' },
  { n: 108, fault: 'one record is rejected', holds: 'its message is kept; the others go on' },
  {
    n: 109,
    fault: 'the destination takes a message a second',
    holds: 'memory stays bounded; the session lives',
  },
  {
    n: 110,
    fault: 'the destination stands still for an hour',
    holds: 'memory stays bounded; NOOP, or closed without QUIT',
  },
  // Parsers and configuration.
  {
    n: 111,
    fault: 'the parser of a message crashes, hangs, or needs all memory',
    holds: 'the bytes are delivered all the same',
  },
  {
    n: 112,
    fault: 'credentials change during the run',
    holds: 'no secret is shown',
  },
  { n: 92, fault: 'PostgreSQL is killed at COMMIT', holds: ONCE, waitsFor: POSTGRES },
  { n: 93, fault: 'the reply to COMMIT is lost', holds: ONCE, waitsFor: POSTGRES },
  {
    n: 94,
    fault: 'the transaction cannot be serialized, or is in a deadlock',
    holds: ONCE,
    waitsFor: POSTGRES,
  },
  {
    n: 95,
    fault: 'a replica that lags behind takes over',
    holds: 'refused, or warned of',
    waitsFor: POSTGRES,
  },
  {
    n: 96,
    fault: 'synchronous_commit is off',
    holds: 'refused, or warned of',
    waitsFor: POSTGRES,
  },
]
