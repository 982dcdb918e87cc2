/**
 * The script that everybody writes: UIDL, then for each message RETR, simpleParser, one awaited write, DELE; QUIT at the end.
 *
 *   node everybody.mjs '{"host":…,"port":…,"user":…,"password":…,"brokers":[…],"topic":…}'      into Kafka
 *   node everybody.mjs '{"host":…,"port":…,"user":…,"password":…,"path":…}'                     into SQLite
 *
 * It loses or doubles mail when it is interrupted, and node-pop3 hands out text: it is here for its speed.
 */
import { simpleParser } from 'mailparser'
import Pop3Command from 'node-pop3'

const { host, port, user, password, brokers, topic, path } = JSON.parse(process.argv[2])

async function intoKafka() {
  const { Kafka, logLevel } = await import('kafkajs')
  const producer = new Kafka({ brokers, logLevel: logLevel.NOTHING }).producer()
  await producer.connect()
  return {
    async write(uidl, mail, raw) {
      const headers = { subject: mail.subject ?? '', from: mail.from?.text ?? '' }
      await producer.send({ topic, acks: -1, messages: [{ key: uidl, value: raw, headers }] })
    },
    close: () => producer.disconnect(),
  }
}

async function intoSqlite() {
  const { default: Database } = await import('libsql')
  const database = new Database(path)
  database.exec(
    'CREATE TABLE mail (uidl TEXT, subject TEXT, sender TEXT, sent_at TEXT, text TEXT, raw BLOB)',
  )
  const insert = database.prepare('INSERT INTO mail VALUES (?, ?, ?, ?, ?, ?)')
  return {
    write(uidl, { subject, from, date, text }, raw) {
      const sentAt = Number.isNaN(date?.getTime()) ? null : (date?.toISOString() ?? null)
      insert.run([
        uidl,
        subject ?? null,
        from?.text ?? null,
        sentAt,
        text ?? null,
        Buffer.from(raw),
      ])
    },
    close: () => database.close(),
  }
}

const sink = await (topic === undefined ? intoSqlite() : intoKafka())
const pop3 = new Pop3Command({ host, port, user, password })
for (const [number, uidl] of await pop3.UIDL()) {
  const raw = await pop3.RETR(number)
  const mail = await simpleParser(raw)
  await sink.write(uidl, mail, raw)
  await pop3.command('DELE', number)
}
await pop3.QUIT()
await sink.close()
