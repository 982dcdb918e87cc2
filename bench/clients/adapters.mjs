// The clients under test, each used as its documentation shows, with its time limits set where it has any. What a client
// does not offer is absent here.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const require = createRequire(import.meta.url)

async function maildrain({ host, port, tls, user, password, token, timeoutMs }) {
  const built = join(import.meta.dirname, '../../dist/pop3/index.js')
  const { Pop3Client, pop3ClientOptions } = await import(pathToFileURL(built).href)
  const limits = Object.fromEntries(
    ['greeting', 'capa', 'auth', 'command', 'idle', 'quit', 'tls'].map((step) => [
      `${step}TimeoutMs`,
      timeoutMs,
    ]),
  )
  const auth = token === undefined ? { user, password } : { user, token }
  let client
  return {
    atOnce: true,
    stls: true,
    token: pop3ClientOptions.shape.auth.shape.token,
    async connect() {
      client = await Pop3Client.connect({ host, port, tls, auth, ...limits })
      await client.login()
    },
    async retr(n) {
      const chunks = []
      await client.retr(n, { octets: 1, onData: (chunk) => chunks.push(Buffer.from(chunk)) })
      return Buffer.concat(chunks)
    },
    async uidl(onEntry) {
      const { messages } = await client.stat()
      await client.uidlAll(onEntry, messages)
    },
    stat: async () => (await client.stat()).messages,
    quit: () => client.quit(),
  }
}

async function nodePop3({ host, port, tls, user, password, timeoutMs }) {
  const { default: Pop3Command } = await import('node-pop3')
  const client = new Pop3Command({
    ...{ user, password, host, port, timeout: timeoutMs },
    tls: tls === 'implicit',
  })
  // Without a listener the first error after a command would end the process.
  client.on('error', () => undefined)
  return {
    atOnce: true,
    // Connects with the first command.
    connect: () => client._connect(),
    retr: (n) => client.RETR(n),
    async uidl(onEntry) {
      for (const [n, uidl] of await client.UIDL()) onEntry(Number(n), uidl)
    },
    stat: async () => Number((await client.STAT()).split(' ')[0]),
    quit: () => client.QUIT(),
  }
}

/** poplib and mailpop3, which is made from it: one command at a time, answers as events. */
const eventClient =
  (load) =>
  async ({ host, port, tls, user, password }) => {
    const Client = load()
    const client = new Client(port, host, { enabletls: tls === 'implicit' })
    const answer = (event, ask) =>
      new Promise((resolve, reject) => {
        const fail = (what) => reject(what instanceof Error ? what : new Error(String(what)))
        for (const bad of ['error', 'tls-error', 'close', 'invalid-state', 'locked'])
          client.once(bad, (what) => fail(what ?? bad))
        client.once(event, (ok, ...rest) => (ok ? resolve(rest) : fail(rest.at(-1) ?? rest[0])))
        ask?.()
      })
    return {
      stls: true,
      async connect() {
        await answer('connect')
        if (tls === 'stls') await answer('stls', () => client.stls())
        await answer('login', () => client.login(user, password))
      },
      retr: async (n) => (await answer('retr', () => client.retr(n)))[1],
      async uidl(onEntry) {
        const [, list] = await answer('uidl', () => client.uidl())
        list.forEach((uidl, n) => onEntry(n, uidl))
      },
      stat: async () => Number((await answer('stat', () => client.stat()))[0].count),
      quit: () => answer('quit', () => client.quit()),
    }
  }

async function yapople({ host, port, tls, user, password }) {
  const { Client } = require('yapople')
  const client = new Client({ host, port, tls: tls === 'implicit', username: user, password })
  return {
    atOnce: true,
    connect: () => client.connect(),
    retr: (n) => client.retr(n),
    stat: () => client.count(),
    quit: () => client.quit(),
  }
}

export const adapters = {
  maildrain,
  'node-pop3': nodePop3,
  poplib: eventClient(() => require('poplib')),
  mailpop3: eventClient(() => require('mailpop3')),
  yapople,
}
