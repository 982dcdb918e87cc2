// Breaks each rule on purpose, one at a time in a copy, and demands that its tests fail. A rule whose breaking goes
// unnoticed has no test.
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const drain = 'test/sources/pop3/drain.test.ts'
const proof = 'test/sources/pop3/proof.test.ts'
const keepRepeated = 'test/sources/pop3/keep-repeated.test.ts'
const sqlite = 'test/sinks/sqlite/sink.test.ts'
const sqliteDamage = 'test/sinks/sqlite/damage.test.ts'
const kafka = (file) => `src/sinks/kafka/${file}`
const audit = 'test/audit/audit.test.ts'
const forgotten = 'test/audit/forgotten.test.ts'
const restore = 'test/restore/restore.test.ts'
const kafkaTests = 'test/sinks/kafka'
const source = (file) => `src/sources/pop3/${file}`

/** rule, what is broken, file, the line as it is, the line that breaks it, tests that must notice */
const breakages = [
  [
    'G1',
    'DELE for what was only read',
    'src/pipeline/gate.ts',
    'if (state === DURABLE) numbers',
    'if (state !== 0 && state !== UNRESOLVED) numbers',
    ['test/pipeline/gate.test.ts'],
  ],
  [
    'G1',
    'a message is durable once it is handed on',
    'src/pipeline/admission.ts',
    'this.#options.batcher.add(unit.values',
    '(unit.settle({ kind: "delivered" }), this.#options.batcher).add(unit.values',
    [drain],
  ],
  [
    'G1',
    'a failed write counts as delivered',
    'src/pipeline/sink-writer.ts',
    'if (error instanceof BatchError) return failuresOf(error, sink.name, batch)',
    'return new Map()',
    [drain, 'test/pipeline/sink-writer.test.ts'],
  ],
  [
    'G2',
    'a plan reads a message',
    source('survey/survey.ts'),
    'await host.probe(client, messages)',
    'await client.retr(1, { octets: 1, onData: () => undefined }).catch(() => undefined)',
    ['test/sources/pop3/survey.test.ts'],
  ],
  [
    'G2',
    'QUIT with unresolved messages',
    'src/pipeline/gate.ts',
    'return deletion ? this.#unresolved + this.#staying === 0 : this.#read === 0',
    'return true',
    [drain],
  ],
  [
    'G2',
    'an unknown host is trusted to leave what was read',
    source('host.ts'),
    'if (expireDays === null) return observed',
    "if (expireDays === null) return 'deleted'",
    [drain],
  ],
  [
    'G2',
    'QUIT after messages that were read to find out whether all unique-ids are new',
    source('judge.ts'),
    "if (reset !== 'no') return { ...NOTHING_JUDGED, mustClose: true }",
    '',
    ['test/sources/pop3/uidl-reset.test.ts'],
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
    'SQLite: a batch that fails in the middle stays half written',
    'src/ledger/sqlite-database.ts',
    "this.#native.exec('ROLLBACK')",
    "this.#native.exec('COMMIT')",
    [sqlite],
  ],
  [
    'G5',
    'SQLite: a row that somebody removed is still held',
    'src/sinks/sqlite/sink.ts',
    'place !== null && hasRow(database, key)',
    'place !== null',
    [sqlite],
  ],
  [
    'G5',
    'Kafka: the ledger entry goes without its place',
    kafka('committer.ts'),
    'return place === undefined ? entry : { ...entry, place }',
    'return entry',
    [`${kafkaTests}/records.test.ts`],
  ],
  [
    'G5',
    'Kafka: a commit whose answer was lost is taken for aborted',
    kafka('committer.ts'),
    'if (!asked || changes === null) return false',
    'return false',
    [`${kafkaTests}/exactly-once.test.ts`],
  ],
  [
    'G5',
    'Kafka: a commit that was asked for is taken for done',
    kafka('committer.ts'),
    'return this.#options.owner.lastCommit === name',
    'return true',
    [`${kafkaTests}/exactly-once.test.ts`],
  ],
  [
    'G5',
    'Kafka: another record in the place is believed',
    kafka('proof.ts'),
    'else if (!(await isThere(options, partition, witness)))',
    'else if (false)',
    [`${kafkaTests}/ledger.test.ts`],
  ],
  [
    'G5',
    'Kafka: a data topic that ends before what was written is believed',
    kafka('proof.ts'),
    'if (suspects.length === 0) return new Map()',
    'if (suspects.length >= 0) return new Map()',
    [`${kafkaTests}/ledger.test.ts`],
  ],
  [
    'G5',
    'Kafka: a topic that loses mail in the middle of a run is written to as before',
    kafka('proof.ts'),
    'if (offset < known)',
    'if (false)',
    [`${kafkaTests}/topic-lost.test.ts`],
  ],
  [
    'G1',
    'Kafka: mail is deleted on the word of a ledger whose topic is another by now',
    kafka('sink.ts'),
    'const holds = assertTopicHolds()',
    'const holds = Promise.resolve()',
    [`${kafkaTests}/topic-lost.test.ts`],
  ],
  [
    'G5',
    'Kafka: a recovery that broke off is taken for done',
    kafka('reconcile.ts'),
    'if (owner.recovering !== undefined)',
    'if (false)',
    [`${kafkaTests}/broken-off.test.ts`],
  ],
  [
    'G11',
    'Kafka: who was replaced while it opened pushes the newcomer aside at the next attempt',
    kafka('sink.ts'),
    'if (this.#nonces.size > 0) await owner.assertNotReplaced()',
    '',
    [`${kafkaTests}/ledger.test.ts`],
  ],
  [
    'G5',
    'Kafka: a ledger that knows less than the data topic holds is used',
    kafka('reconcile.ts'),
    'if (unknown === 0) return',
    'if (unknown >= 0) return',
    [`${kafkaTests}/recovery.test.ts`],
  ],
  [
    'G5',
    'Kafka: what is accepted as missing is still called delivered',
    kafka('recovery.ts'),
    'this.#options.index.put([{ ...entry, place: null }])',
    '',
    [`${kafkaTests}/recovery.test.ts`],
  ],
  [
    'G5',
    'Kafka: kafkajs divides a send by leaders',
    kafka('leader-sends.ts'),
    'const name = leader === undefined ? `partition ${record.partition}` : `leader ${leader}`',
    "const name = leader === undefined ? 'all' : 'all'",
    [`${kafkaTests}/leader-sends.test.ts`],
  ],
  [
    'G5',
    'Kafka: a send goes on when its partitions have several leaders',
    kafka('leader-sends.ts'),
    '.size > 1)',
    '.size > 9)',
    [`${kafkaTests}/leader-sends.test.ts`],
  ],
  [
    'G5',
    'Kafka: a ledger record is believed without its checksum',
    kafka('ledger-topic.ts'),
    'if (checksum !== sumOf(fullKey, value))',
    'if (false)',
    [`${kafkaTests}/recovery.test.ts`],
  ],
  [
    'G5',
    'SQLite: a ledger row is believed without its checksum',
    'src/ledger/ledger-row.ts',
    'if (checked && row[SOUND.length]',
    'if (false && row[SOUND.length]',
    [sqliteDamage],
  ],
  [
    'G5',
    'SQLite: a ledger whose index leads nowhere is used',
    'src/ledger/ledger-file.ts',
    "if (found !== 'ok') throw",
    'if (false) throw',
    [sqliteDamage],
  ],
  [
    'G5',
    'SQLite: an old format in the header leaves the checksums out',
    'src/ledger/file-header.ts',
    'meta.format !== format',
    'false',
    ['test/sinks/sqlite/migration.test.ts'],
  ],
  [
    'G5',
    'SQLite: a damaged row under the key is believed',
    'src/sinks/sqlite/messages-table.ts',
    'if (inserted > 0 || isStored(database, row)) return',
    'if (inserted >= 0) return',
    ['test/sinks/sqlite/damaged-mail.test.ts'],
  ],
  [
    'G5',
    'SQLite: the ledger made anew vouches for a damaged row',
    'src/sinks/sqlite/reconcile.ts',
    '({ ...entry, place: null })',
    '({ ...entry })',
    ['test/sinks/sqlite/damaged-mail.test.ts'],
  ],
  [
    'G5',
    'SQLite: a log whose file is gone is thrown away',
    'src/ledger/ledger-file.ts',
    'if (fileSize(path) === 0) assertNoLog(path)',
    '',
    ['test/ledger/ledger-file.test.ts'],
  ],
  [
    'G5',
    'SQLite: an emptied ledger goes on',
    'src/sinks/sqlite/reconcile.ts',
    'return missing > 0',
    'return missing < 0',
    ['test/sinks/sqlite/recovery.test.ts'],
  ],
  [
    'G5',
    'a ledger is made anew from what the bytes do not bear out',
    'src/sinks/rebuilt-entry.ts',
    "if (why !== null) return 'damaged'",
    'void why',
    [`${kafkaTests}/recovery.test.ts`, 'test/sinks/sqlite/recovery.test.ts'],
  ],
  [
    'G5',
    'an entry that is written again counts again',
    'src/ledger/tally.ts',
    'const before = written ? isDelivered(written) : this.#ledger.isDelivered(key)',
    'const before = written && isDelivered(written)',
    ['test/sinks/tally.test.ts'],
  ],
  [
    'G5',
    'Kafka: what others have taken counts twice when an answer is lost',
    kafka('sink.ts'),
    'const finished = committer.isFinished(batch)',
    'const finished = false',
    ['test/sinks/tally.test.ts'],
  ],
  [
    'G4',
    'an entry is forgotten for a message that was not written',
    'src/ledger/tally.ts',
    "else if (isUnfetched(key) && entry.state !== 'gone') return false",
    '',
    ['test/sinks/tally.test.ts'],
  ],
  [
    'G1',
    'Kafka: a ledger topic that forgets is used',
    kafka('topics.ts'),
    "if (policy.length !== 1 || policy[0] !== 'compact')",
    'if (false)',
    [`${kafkaTests}/topics.test.ts`],
  ],
  [
    'G1',
    'Kafka: topics are made with the retention of the cluster',
    kafka('topics.ts'),
    "'retention.ms': '-1',",
    '',
    [`${kafkaTests}/topics.test.ts`],
  ],
  [
    'G4',
    'Kafka: a batch that failed in part is written again as a whole',
    kafka('committer.ts'),
    'return records.length > 0 || !saysDurable(entry)',
    'return false',
    [`${kafkaTests}/exactly-once.test.ts`],
  ],
  [
    'G5',
    'Kafka: aborted transactions are told in the order in which they ended',
    kafka('committed-records.ts'),
    'begun.sort((a, b) => (a.from < b.from ? -1 : 1))',
    '',
    [`${kafkaTests}/committed-records.test.ts`],
  ],
  [
    'G11',
    'Kafka: whoever looks at the ledger fences its owner',
    kafka('peek.ts'),
    'const lows = await lowsOf(client, dataTopic)',
    'const lows = await lowsOf(client, dataTopic); await client.fence(`maildrain.${dataTopic}.${mailboxKey(mailbox)}`)',
    [`${kafkaTests}/peek.test.ts`],
  ],
  [
    'G11',
    'Kafka: an owner that was pushed aside takes the mailbox back',
    kafka('ledger-owner.ts'),
    'if (nonces.size > 0) await this.#yieldIfReplaced()',
    '',
    [`${kafkaTests}/exactly-once.test.ts`],
  ],
  [
    'G11',
    'Kafka: whoever was replaced fences the newcomer',
    kafka('ledger-owner.ts'),
    'if (this.#replacedBy !== undefined) throw fenced(this.#replacedBy)',
    '',
    [`${kafkaTests}/ledger.test.ts`],
  ],
  [
    'G11',
    'SQLite: the epoch is not checked',
    'src/ledger/ownership.ts',
    'if (owned !== 1) throw this.#fenced()',
    '',
    [sqlite],
  ],
  [
    'G11',
    'SQLite: a file has two names',
    'src/ledger/one-name.ts',
    'if (names > 1)',
    'if (names > 2)',
    ['test/ledger/one-name.test.ts', 'test/sinks/sqlite/sink.test.ts'],
  ],
  [
    'G11',
    'the lock keeps nobody out',
    'src/ledger/lock.ts',
    "database.exec('BEGIN EXCLUSIVE')",
    "database.exec('BEGIN')",
    [sqlite],
  ],
  [
    'G6',
    'a unique-id alone is identity',
    'src/identity.ts',
    "Buffer.from(sha256, 'hex')))",
    'Buffer.alloc(0)))',
    [proof, drain, 'test/identity.test.ts'],
  ],
  [
    'G6',
    'what is known is deleted without being read',
    source('work.ts'),
    'const stays = !this.#options.deleting || this.#waits(entries)',
    'const stays = true',
    [proof, drain, 'test/sources/pop3/work.test.ts'],
  ],
  [
    'G6',
    'of several messages of one unique-id that stay, the first are taken for those that are known',
    source('work.ts'),
    'if (byBytes) this.ambiguous.add(uidl)',
    '',
    [keepRepeated],
  ],
  [
    'G6',
    'entries of another size answer for a number',
    source('work.ts'),
    'this.#alike.add(`${listedOctets} ${uidl}`)',
    'this.#alike.add(uidl)',
    [keepRepeated],
  ],
  [
    'G2',
    'what may have to stay is read beside what goes, where QUIT may remove what was read',
    source('look-session.ts'),
    '(due || !course.due.waits) && !ambiguous',
    'due || !course.due.waits',
    [keepRepeated],
  ],
  [
    'G6',
    'numbers are taken for messages where unique-ids repeat: a line that drops is taken for mail that cannot be read',
    source('work-session.ts'),
    '(course.stalledAt.n === n || tells(course, uidl))',
    'n > 0',
    [keepRepeated],
  ],
  [
    'G6',
    'above the boundary of what is known an entry is believed to answer',
    source('window-session.ts'),
    'windows.refused === 0 && plan.answered === 0',
    'windows.refused === 0',
    [keepRepeated],
  ],
  [
    'G8',
    'a short message is believed when it comes twice, whatever the server',
    source('session.ts'),
    'return advisory && state.cameAlike',
    'return state.cameAlike',
    [proof, drain, 'test/sources/pop3/host.test.ts'],
  ],
  [
    'G9',
    'an echo that does not match is taken for one that does',
    source('echo.ts'),
    'if (answer === false) throw outOfStep(item)',
    'if (answer === false) answer = true',
    ['test/sources/pop3/echo.test.ts'],
  ],
  [
    'G9',
    'messages go on before their echo',
    source('session.ts'),
    'if (!this.#options.host.echoes) {',
    'if (this.#options.host.bound >= 0) {',
    ['test/sources/pop3/echo.test.ts'],
  ],
  [
    'G7',
    'a listing that is cut short counts as a complete look',
    source('look-session.ts'),
    'complete: named === messages',
    'complete: true',
    [proof],
  ],
  [
    'G11',
    'whoever was replaced at the commit waits as for an outage',
    kafka('committer.ts'),
    'attempt?.asked === true && passing',
    'attempt?.asked === true',
    [kafkaTests],
  ],
  [
    'G7',
    '+OK to QUIT is proof',
    source('in-doubt.ts'),
    'this.#numbers += numbers\n',
    'this.#numbers += numbers\n    queueMicrotask(() => this.gone(key))\n',
    [proof, drain],
  ],
  [
    'G2',
    'a message that QUIT has left is taken for the rule while deletions are still to take effect',
    source('look-session.ts'),
    'else course.expectSpared(spared, messages)',
    'else for (const _ of [1, 2]) course.host.quitLeftRead()',
    ['test/sources/pop3/quit-probe.test.ts'],
  ],
  [
    'G2',
    'what QUIT removes is taken from a single message that is somewhere in the mailbox',
    source('session.ts'),
    'if (message.key === this.#options.spared)',
    'if (this.#options.spared !== undefined)',
    ['test/sources/pop3/quit-probe.test.ts'],
  ],
  [
    'G7',
    'what is above a boundary is taken for new without samples',
    source('boundary.ts'),
    'return (await Promise.all(answers)).every(Boolean)',
    'return (await Promise.all(answers)).length > 0',
    ['test/sources/pop3/keep.test.ts'],
  ],
  [
    'G7',
    'mail that stays is never listed in full again',
    source('host.ts'),
    'return since >= 0 && since < LISTED_ANEW_MS',
    'return true',
    ['test/sources/pop3/keep.test.ts'],
  ],
  [
    'G7',
    'one empty session proves the mailbox drained',
    source('run.ts'),
    'if (this.#emptyLooks < 2)',
    'if (this.#emptyLooks < 1)',
    [proof, drain],
  ],
  [
    'G8',
    'a short message is accepted',
    source('session.ts'),
    'collector.octets < item.listedOctets',
    'false',
    [proof, drain],
  ],
  [
    'G8',
    '-ERR on RETR means it is gone',
    source('session.ts'),
    "this.#options.state.suspect(item, 'refused', 0)",
    'void 0',
    [proof, drain],
  ],
  [
    'G9',
    'reading after the first DELE',
    'src/pop3/protocol.ts',
    "deleting: new Set<Verb>(['DELE', 'NOOP', 'QUIT'])",
    "deleting: new Set<Verb>(['DELE', 'NOOP', 'QUIT', 'RETR', 'STAT'])",
    ['test/pop3/deleting.test.ts'],
  ],
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
  [
    'G12',
    'a parser that throws takes the message along',
    'src/transforms/parse/parse-message.ts',
    "return settled('failed', work.fields, work.reasons.add(failureOf(error)))",
    'throw error',
    ['test/transforms/parse/parse.test.ts'],
  ],
  [
    'G13',
    'chance in the key',
    'src/identity.ts',
    "Buffer.from(sha256, 'hex')))",
    "Buffer.from(sha256, 'hex'), String(Math.random())))",
    ['test/identity.test.ts'],
  ],
  [
    'G14',
    'a password in an address is shown',
    'src/config/urls.ts',
    '`${flag} holds a password',
    '`${flag} ${account} holds a password',
    ['test/config/urls.test.ts'],
  ],
  [
    'G14',
    'what a server repeats of a secret is shown',
    'src/pop3/connection.ts',
    'this.#secrets.push(secret)',
    'void secret',
    ['test/pop3/secrets.test.ts'],
  ],
  [
    'G14',
    'behind a proxy localhost counts as this machine',
    'src/pop3/options.ts',
    '&& proxy === undefined)) return',
    ')) return',
    ['test/pop3/proxy.test.ts'],
  ],
  [
    'G11',
    'DELE without asking who owns the mailbox',
    source('session.ts'),
    'if (numbers.length > 0) await this.#confirmOwner()',
    '',
    ['test/sources/pop3/owner.test.ts'],
  ],
  [
    'G7',
    'a drain ends before its source has ended',
    'src/pipeline/source-run.ts',
    'if (readable !== undefined) await stop.unlessOver(closed(readable))',
    '',
    ['test/pipeline/stop.test.ts'],
  ],
  [
    'G2',
    'a drain that was stopped goes on asking for mail',
    source('stop.ts'),
    'const withdraw = () => client.withdrawRetrs(stopping.reason as MaildrainError)',
    'const withdraw = () => undefined',
    ['test/pipeline/stop.test.ts'],
  ],
  [
    'G15',
    'an outage ends the drain at once',
    'src/pipeline/outage.ts',
    'if (stopping.aborted || waited >= sinkPatienceMs) throw error',
    'throw error',
    ['test/pipeline/sink-writer.test.ts'],
  ],
  [
    'G7',
    'a refused DELE is tried for ever',
    source('refused-deletions.ts'),
    'rounds >= MAX_REFUSALS',
    'rounds >= Infinity',
    ['test/sources/pop3/cases/deleting.test.ts'],
  ],
  [
    'G6',
    'TOP compares messages without a Received line',
    source('header-comparison.ts'),
    "host.headers === 'alone' && hasReceived(block)",
    "host.headers === 'alone'",
    ['test/sources/pop3/compare-headers.test.ts'],
  ],
  [
    'G6',
    'TOP is believed before it was held against whole messages',
    source('header-comparison.ts'),
    "equal && host.headers === 'alone' &&",
    'equal &&',
    ['test/sources/pop3/compare-headers.test.ts'],
  ],
  [
    'G6',
    'headers are compared with an entry of this run',
    source('header-comparison.ts'),
    'at < this.#options.rules.runStart',
    'at > 0',
    ['test/sources/pop3/compare-headers.test.ts'],
  ],
  [
    'G6',
    'headers are compared whatever the octets',
    source('header-comparison.ts'),
    'return entry.listedOctets === listedOctets && context',
    'return context',
    ['test/sources/pop3/compare-headers.test.ts'],
  ],
  [
    'G6',
    'headers are compared under a unique-id that repeats',
    source('host.ts'),
    'if (uidlsRepeat || headers.differ || this.hasNoTop)',
    'if (headers.differ || this.hasNoTop)',
    ['test/sources/pop3/compare-headers.test.ts'],
  ],
  [
    'G6',
    'a TOP that was not that of the message is believed again',
    source('host.ts'),
    'if (uidlsRepeat || headers.differ || this.hasNoTop)',
    'if (uidlsRepeat || this.hasNoTop)',
    ['test/sources/pop3/compare-headers.test.ts'],
  ],
  [
    'G9',
    'a header block counts before its echo',
    source('tops.ts'),
    'else echo.hold({ ticket, item, release, discard })',
    'else release(void [ticket, discard])',
    ['test/sources/pop3/compare-headers.test.ts'],
  ],
  [
    'G9',
    'the newest are chosen anew in each session',
    source('selection.ts'),
    'this.#isChosen = true',
    '',
    ['test/sources/pop3/selection.test.ts'],
  ],
  [
    'G9',
    'what was not asked for is read and deleted',
    source('work.ts'),
    'if (!this.#options.selects(n, uidl, listedOctets)) {',
    'if (false) {',
    ['test/sources/pop3/selection.test.ts'],
  ],
  [
    'G9',
    'mail that came later is chosen by its number',
    source('selection.ts'),
    'if (this.#choice === undefined) return this.#chosen.has(uidl)',
    'if (this.#choice === undefined) return true',
    ['test/sources/pop3/selection.test.ts'],
  ],
  [
    'G1',
    'what is not due yet is deleted',
    source('due.ts'),
    'return entry !== undefined && this.isDue(entry)',
    'return true',
    ['test/sources/pop3/delete-after.test.ts'],
  ],
  [
    'G2',
    'QUIT after reading mail that has to stay',
    'src/pipeline/gate.ts',
    'return deletion ? this.#unresolved + this.#staying === 0',
    'return deletion ? this.#unresolved === 0',
    [...['test/sources/pop3/delete-after.test.ts'], 'test/pipeline/gate.test.ts'],
  ],
  [
    'G2',
    'mail that is due is read beside mail that has to stay',
    source('look-session.ts'),
    '(due || !course.due.waits) && !ambiguous',
    '!ambiguous',
    ['test/sources/pop3/delete-after.test.ts'],
  ],
  [
    'G2',
    'QUIT disposes of mail that is to stay, unasked',
    source('course.ts'),
    'return this.options.acceptServerDisposal && !this.context.deletion',
    'return !this.context.deletion',
    ['test/sources/pop3/disposal.test.ts'],
  ],
  [
    'G7',
    'mail that nobody has deleted is forgotten when it is not listed',
    source('keeper.ts'),
    'if (!this.#context.deletion) return',
    '',
    ['test/sources/pop3/keep.test.ts'],
  ],
  [
    'G2',
    'what QUIT leaves is believed when seen once',
    source('host.ts'),
    'const SEEN_TWICE = 2',
    'const SEEN_TWICE = 1',
    ['test/sources/pop3/quit-probe.test.ts'],
  ],
  [
    'G7',
    'mail that is back is forgotten, and delivered once more',
    source('keeper.ts'),
    "if (entry.state === 'gone') this.#back.push(entry.key)",
    '',
    ['test/sources/pop3/keep.test.ts', 'test/sources/pop3/delete-after.test.ts'],
  ],
  [
    'G2',
    'QUIT after looking at the headers of mail that is to be left alone',
    source('look-session.ts'),
    "if (seen.peeked && course.removes(opened.client) !== 'deleted') return MUST_CLOSE",
    'void MUST_CLOSE',
    ['test/sources/pop3/selection.test.ts'],
  ],
  [
    'G5',
    'audit does not notice a missing row',
    'src/audit/compare.ts',
    "if (there === undefined) return 'missing'",
    "if (there === undefined) return 'verified'",
    [audit],
  ],
  [
    'G6',
    "audit trusts the ledger's hash",
    'src/audit/compare.ts',
    'there.verified > 0 && there.sha256 === entry.sha256',
    'there.verified > 0',
    [audit],
  ],
  [
    'G6',
    'audit trusts the hash that a record names',
    'src/sinks/verify-record.ts',
    "const found = createHash('sha256').update(raw).digest('hex')",
    "const found = sha256 || createHash('sha256').update(raw).digest('hex')",
    [audit, restore],
  ],
  [
    'G6',
    'audit takes mail that the ledger does not know for mail that it has forgotten',
    'src/audit/compare.ts',
    'left.keys.count - pruned.delivered, forgotten.strange',
    '0',
    [audit],
  ],
  [
    'G5',
    'audit takes other mail for what the ledger has forgotten, if it is as many',
    'src/audit/forgotten.ts',
    'expected.count === found.count && expected.sum === found.sum',
    'expected.count === found.count',
    [forgotten, restore],
  ],
  [
    'G5',
    'a ledger that was made anew has forgotten what it does not find',
    'src/ledger/tally.ts',
    'tally.delivered.count - deliveredIn(ledger).count',
    '0',
    [forgotten],
  ],
  [
    'G5',
    'SQLite: a rebuilding that broke off is taken for one that came to its end',
    'src/sinks/sqlite/reconcile.ts',
    'table.putTally(count.tally, { recovering: true })',
    'table.putTally(count.tally)',
    [forgotten],
  ],
  [
    'G5',
    'Kafka: what was forgotten counts twice when it is known again',
    kafka('recovery.ts'),
    '!ends.has((readPlace(place) ?? NOWHERE).partition)',
    'place === null',
    [forgotten],
  ],
  [
    'G5',
    'mail that the server does not delete counts as delivered, whatever it was',
    'src/ledger/ledger.ts',
    "(reason === 'undeletable' && place !== null)",
    "reason === 'undeletable'",
    [forgotten],
  ],
  [
    'G5',
    'restore does not miss what the ledger has forgotten',
    'src/restore/expected.ts',
    'judgeForgotten(expected, unentered).missing',
    '0',
    [restore],
  ],
  [
    'G12',
    'restore writes unverified bytes',
    'src/restore/restore.ts',
    'if (why !== null) this.#damaged',
    'if (why !== null && raw.length === 0) this.#damaged',
    [restore],
  ],
  [
    'G12',
    'restored mail is believed to be there by its name',
    'src/private-file.ts',
    "return (await file.readFile()).equals(raw) ? 'same' : 'other'",
    "return 'same'",
    [restore],
  ],
  [
    'G8',
    'the server is asked behind a RETR that it refused',
    source('echo.ts'),
    'handled.then(() => this.#held.length === 0 || ask(item))',
    'handled.then(() => ask(item))',
    ['test/sources/pop3/pipelining-refused.test.ts'],
  ],
  [
    'G8',
    'a message that came whole clears one that is listed alike and could not be read',
    source('run-state.ts'),
    'if (!this.#suspected.has(id)) this.suspects.delete(id)',
    'this.suspects.delete(id)',
    [keepRepeated],
  ],
  [
    'G8',
    'who refuses pipelining is taken for one that cannot read a message',
    source('echo.ts'),
    'alone === true ? handled.then(() => this.#held.length === 0 || ask(item)) : ask(item)',
    'ask(item)',
    ['test/sources/pop3/pipelining-refused.test.ts'],
  ],
  [
    'G9',
    'replies are taken to come in order, although none came beside another one',
    source('echo.ts'),
    'this.#options.host.bound += inCompany',
    'this.#options.host.bound += settled.length',
    ['test/sources/pop3/echo.test.ts'],
  ],
  [
    'G9',
    'DELE for the lowest number first, where numbers move up at each',
    source('expunge.ts'),
    'numbers.filter((n) => n !== spared?.n).reverse()',
    'numbers.filter((n) => n !== spared?.n)',
    ['test/faults/deleting.test.ts'],
  ],
  [
    'G1',
    'a sink that rejects what is not in the batch is taken for one that took the batch',
    'src/pipeline/sink-writer.ts',
    'if (messages[index] === undefined)',
    'if (messages.length < 0)',
    ['test/faults/destinations.test.ts'],
  ],
]

/** Attempts at a time: CI has two cores. */
const AT_ONCE = 2
/** A rule broken may well show itself as a drain that never ends. */
const MOST_MS = 120_000
const COPIED = ['src', 'test', 'schemas', 'package.json', 'vitest.config.ts', 'tsconfig.json']

/** What takes minutes at full size is enough at its usual one to notice. */
const env = { ...process.env }
delete env.MAILDRAIN_TEST_FULL

/** Resolves with what vitest printed and whether all passed. */
function runTests(cwd, options, tests) {
  // A drain that never ends has noticed; where nothing is broken a busy machine may take its time.
  const limit = cwd === root ? [] : ['--testTimeout', '10000']
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', ...limit]
  return new Promise((resolve, reject) => {
    const child = execFile(
      process.execPath,
      [...vitest, ...options, ...tests],
      { cwd, env, maxBuffer: 1 << 26, ...(cwd === root ? {} : { timeout: MOST_MS }) },
      (_, stdout) => resolve({ passed: child.exitCode === 0, stdout }),
    )
    child.once('error', reject)
  })
}

async function attempt([, , file, as, broken, tests]) {
  const copy = mkdtempSync(join(tmpdir(), 'maildrain-broken-'))
  try {
    for (const name of COPIED) cpSync(join(root, name), join(copy, name), { recursive: true })
    for (const name of ['node_modules', 'dist']) symlinkSync(join(root, name), join(copy, name))
    const path = join(copy, file)
    const text = readFileSync(path, 'utf8')
    if (!text.includes(as)) return `the line to break is no longer in ${file}: ${as}`
    writeFileSync(path, text.replace(as, broken))
    const { passed } = await runTests(copy, ['--bail', '1', '--maxWorkers', '1'], tests)
    return passed ? 'no test noticed' : undefined
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

/** Without a breakage the same tests pass, or their failing would prove nothing. */
async function assertPassing() {
  const tests = [...new Set(breakages.flatMap(([, , , , , files]) => files))]
  const { passed, stdout } = await runTests(root, [], tests)
  if (passed) return
  const failures = stdout.split('\n').filter((line) => /FAIL|Error:/.test(line))
  console.error(`the tests fail as it is:\n${failures.join('\n')}`)
  process.exit(1)
}

await assertPassing()
let unnoticed = 0
const left = breakages.values()
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    // Both take from the one iterator.
    for (const breakage of left) {
      const problem = await attempt(breakage)
      if (problem) unnoticed += 1
      const [rule, what] = breakage
      console.log(
        `${problem ? 'NOT NOTICED' : 'noticed    '}  ${rule}  ${what}${problem ? `: ${problem}` : ''}`,
      )
    }
  }),
)
console.log(`${breakages.length - unnoticed} of ${breakages.length} breakages noticed`)
process.exitCode = unnoticed > 0 ? 1 : 0
