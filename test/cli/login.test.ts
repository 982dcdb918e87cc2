/** The flags with which `maildrain drain` logs in. */
import { X509Certificate, createHash } from 'node:crypto'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Pop3Server, Pop3ServerOptions } from '../../src/testing/index.ts'
import { type Authority, type Certificate, authority, openssl } from '../support/certificates.ts'
import { type CliResult, newDirectory, noOpenssl, runCli } from '../support/cli.ts'
import { serve } from '../support/drains.ts'
import { httpProxy, socksProxy } from '../support/proxies.ts'

const CANARY = 'canary-of-the-command-line'

/** A file that others cannot read. */
function secretFile(text: string | Buffer): string {
  const file = join(newDirectory(), 'secret')
  writeFileSync(file, text, { mode: 0o600 })
  return file
}

const drain = (server: { readonly url: string }, flags: string[], env?: Record<string, string>) =>
  runCli(
    [
      ...['drain', '--from', server.url, '--to', `sqlite:${join(newDirectory(), 'mail.db')}`],
      ...['--delete', '--quiet', ...flags],
    ],
    env,
  )

const mechanisms = (server: Pop3Server): string[] =>
  server.log
    .filter(({ verb }) => ['AUTH', 'USER', 'APOP'].includes(verb))
    .map(({ verb, argument }) => (verb === 'AUTH' ? argument : verb))

function expectDrained(result: CliResult, server: Pop3Server): void {
  expect(result).toMatchObject({ code: 0, stderr: '' })
  expect(server.remaining()).toBe(0)
}

function expectRefused(result: CliResult, exit: number, code: string, ...words: string[]): void {
  expect(result.lines, result.stderr).toHaveLength(1)
  expect(result.stderr).toContain(`[${code}]`)
  for (const word of words) expect(result.stderr).toContain(word)
  expect(result.code).toBe(exit)
  expect(result.stderr).not.toContain(CANARY)
}

describe('passwords', () => {
  it.each(['SCRAM-SHA-256', 'LOGIN', 'CRAM-MD5', 'APOP', 'USER'] as const)(
    '--auth %s',
    async (name) => {
      const sasl = ['PLAIN', 'SCRAM-SHA-256', 'LOGIN', 'CRAM-MD5'] as const
      const server = await serve(2, { capabilities: { sasl, apop: true } })
      expectDrained(await drain(server, ['--auth', name]), server)
      expect(new Set(mechanisms(server))).toEqual(new Set([name]))
    },
  )

  it('without --auth the best that there is; --auth wants one of them', async () => {
    const server = await serve(2, { capabilities: { sasl: ['PLAIN', 'SCRAM-SHA-1'] } })
    expectDrained(await drain(server, []), server)
    expect(new Set(mechanisms(server))).toEqual(new Set(['SCRAM-SHA-1']))
    const wrong = await drain(server, ['--auth', 'NTLM'])
    expectRefused(wrong, 2, 'MAILDRAIN_CONFIG_INVALID', '--auth', 'SCRAM-SHA-256')
  })
})

describe('access tokens', () => {
  const serveTokens = (good: string, more: Partial<Pop3ServerOptions> = {}) =>
    serve(2, {
      capabilities: { sasl: ['XOAUTH2', 'OAUTHBEARER'], user: false },
      acceptsToken: (token) => token === good,
      ...more,
    })

  it('fault 112: --token-command is run again when its token is rejected, and finds no secret of ours', async () => {
    const directory = newDirectory()
    const script = `echo "$MAILDRAIN_FORCE_REFRESH:$MAILDRAIN_PASSWORD:$MAILDRAIN_TOKEN" >> ${directory}/runs; if test "$MAILDRAIN_FORCE_REFRESH" = 1; then touch ${directory}/renewed; fi; if test -f ${directory}/renewed; then echo good; else echo stale; fi`
    const server = await serveTokens('good')
    expectDrained(
      await drain(server, ['--token-command', script], { MAILDRAIN_PASSWORD: CANARY }),
      server,
    )
    const runs = readFileSync(join(directory, 'runs'), 'utf8').split('\n').slice(0, -1)
    expect(runs.slice(0, 2)).toEqual(['::', '1::'])
    expect(runs.filter((run) => run.startsWith('1'))).toHaveLength(1)
    expect(new Set(mechanisms(server))).toEqual(new Set(['OAUTHBEARER']))
  })

  it('a command that fails, or prints no token, is named', async () => {
    const server = await serveTokens('good')
    const failed = await drain(server, ['--token-command', 'exit 3'])
    expectRefused(failed, 3, 'MAILDRAIN_POP3_TOKEN_UNAVAILABLE', 'exit code 3')
    const chatty = await drain(server, ['--token-command', `echo token: ${CANARY}`])
    expectRefused(chatty, 2, 'MAILDRAIN_CONFIG_TOKEN')
    expect(server.sessions).toBe(0)
  }, 180_000)

  it('--token-file and MAILDRAIN_TOKEN', async () => {
    const first = await serveTokens('good')
    expectDrained(
      await drain(first, ['--token-file', secretFile('good\n'), '--auth', 'XOAUTH2']),
      first,
    )
    expect(new Set(mechanisms(first))).toEqual(new Set(['XOAUTH2']))
    const second = await serveTokens('good')
    expectDrained(await drain(second, [], { MAILDRAIN_TOKEN: 'good' }), second)
  })

  it('a token that stays rejected: exit 3, tried on two connections, and not shown', async () => {
    const server = await serveTokens('good')
    const result = await drain(server, ['--token-file', secretFile(CANARY)])
    expectRefused(result, 3, 'MAILDRAIN_POP3_TOKEN_REJECTED', 'status "invalid_token"', 'scope')
    expect(server.sessions).toBe(2)
    const fixed = await drain(server, [], { MAILDRAIN_TOKEN: CANARY })
    expectRefused(fixed, 3, 'MAILDRAIN_POP3_TOKEN_REJECTED')
    expect(server.sessions).toBe(3)
  })

  it('what contradicts itself is refused before anything is sent', async () => {
    const server = await serveTokens('good')
    const [secret, open] = [secretFile('good'), secretFile('good')]
    chmodSync(open, 0o644)
    const invalid = 'MAILDRAIN_CONFIG_INVALID'
    const both = ['--token-file', secret, '--password-file', secret]
    expectRefused(await drain(server, both), 2, invalid, '--token-file', '--password-file')
    expectRefused(
      await drain(server, ['--token-file', open]),
      2,
      'MAILDRAIN_CONFIG_TOKEN',
      'chmod 600',
    )
    expectRefused(
      await drain(server, ['--auth', 'XOAUTH2']),
      2,
      'MAILDRAIN_CONFIG_TOKEN',
      '--token-file',
    )
    const plain = ['--auth', 'PLAIN', '--token-file', secret]
    expectRefused(await drain(server, plain), 2, invalid, 'PLAIN goes with a password')
    expect(server.sessions).toBe(0)
  })
})

describe.skipIf(noOpenssl !== undefined)(`TLS${noOpenssl ?? ''}`, () => {
  let ca: Authority
  let good: Certificate
  let mine: Certificate
  beforeAll(() => {
    ca = authority('authority of the test')
    good = ca.issue('IP:127.0.0.1')
    mine = ca.issue('DNS:client.example')
  })

  const demanding = () =>
    serve(1, { tls: { mode: 'implicit', ...good, requestCert: true, ca: ca.cert } })

  it('--client-cert and --client-key, with a passphrase from file or environment; --client-pfx', async () => {
    const [locked, pfx] = [join(newDirectory(), 'locked.pem'), join(newDirectory(), 'client.p12')]
    openssl('rsa', '-aes256', '-passout', `pass:${CANARY}`, '-in', mine.keyFile, '-out', locked)
    const parts = ['-inkey', mine.keyFile, '-in', mine.file, '-passout', `pass:${CANARY}`]
    openssl('pkcs12', '-export', ...parts, '-out', pfx)
    for (const file of [locked, pfx]) chmodSync(file, 0o600)
    const passphrase = ['--key-passphrase-file', secretFile(CANARY)]
    const env = { MAILDRAIN_KEY_PASSPHRASE: CANARY }
    for (const [flags, more] of [
      [['--client-cert', mine.file, '--client-key', locked, ...passphrase], {}],
      [['--client-cert', mine.file, '--client-key', locked], env],
      [['--client-pfx', pfx], env],
    ] as const) {
      const server = await demanding()
      expectDrained(await drain(server, ['--ca-file', ca.file, ...flags], more), server)
    }
    const server = await demanding()
    const wrong = ['--ca-file', ca.file, '--client-cert', mine.file, '--client-key', locked]
    const result = await drain(server, wrong, { MAILDRAIN_KEY_PASSPHRASE: `${CANARY}-wrong` })
    expectRefused(result, 2, 'MAILDRAIN_CONFIG_CLIENT_CERTIFICATE')
    chmodSync(locked, 0o644)
    expectRefused(
      await drain(server, wrong, env),
      2,
      'MAILDRAIN_CONFIG_CLIENT_CERTIFICATE',
      'chmod 600',
    )
  }, 180_000)

  it('--tls-pin takes several; another key is refused', async () => {
    const key = new X509Certificate(good.cert).publicKey.export({ type: 'spki', format: 'der' })
    const pin = `sha256/${createHash('sha256').update(key).digest('base64')}`
    const other = `sha256/${'A'.repeat(43)}=`
    const server = await serve(1, { tls: { mode: 'implicit', ...good } })
    const flags = ['--ca-file', ca.file, '--tls-pin']
    expectRefused(await drain(server, [...flags, other]), 3, 'MAILDRAIN_POP3_TLS_PIN', pin)
    expectRefused(await drain(server, [...flags, 'md5/x']), 2, 'MAILDRAIN_CONFIG_INVALID', 'pin')
    expectDrained(await drain(server, [...flags, `${other},${pin}`]), server)
  })

  it('--tls-min lowers the bar, with a warning', async () => {
    const old = {
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT:@SECLEVEL=0',
    } as const
    const server = await serve(1, { tls: { mode: 'implicit', ...good, ...old } })
    const flags = ['--ca-file', ca.file]
    expectRefused(await drain(server, flags), 3, 'MAILDRAIN_POP3_TLS_VERSION', '--tls-min')
    const lowered = [...flags, '--tls-min', 'TLSv1.1', '--log-level', 'warn']
    const result = await drain(server, lowered)
    expect(result.code).toBe(0)
    expect(result.lines).toHaveLength(1)
    expect(result.stderr).toContain('TLSv1.1')
  })
})

describe('proxies', () => {
  it.each([
    ['socks5', socksProxy],
    ['http', httpProxy],
  ] as const)(
    '%s, with a password from file or environment',
    async (scheme, start) => {
      const proxy = await start({ user: 'proxy-user', password: CANARY })
      const address = `${scheme}://proxy-user@127.0.0.1:${proxy.port}`
      // Behind a proxy even loopback is another machine.
      const flags = ['--proxy', address, '--insecure']
      const server = await serve(1)
      const file = ['--proxy-password-file', secretFile(CANARY)]
      expectDrained(await drain(server, [...flags, ...file]), server)
      const again = await serve(1)
      expectDrained(await drain(again, flags, { MAILDRAIN_PROXY_PASSWORD: CANARY }), again)
      const other = await serve(1)
      const rejected = await drain(other, flags, { MAILDRAIN_PROXY_PASSWORD: `${CANARY}-wrong` })
      expectRefused(rejected, 3, 'MAILDRAIN_POP3_PROXY_REJECTED')
      expectRefused(await drain(other, flags), 2, 'MAILDRAIN_CONFIG_PROXY', '--proxy-password-file')
      expectRefused(
        await drain(other, ['--proxy', address, ...file]),
        3,
        'MAILDRAIN_POP3_CLEARTEXT',
      )
    },
    180_000,
  )

  it('a password in its address is refused, and not shown', async () => {
    const server = await serve(1)
    const result = await drain(server, ['--proxy', `socks5://user:${CANARY}@127.0.0.1`])
    expectRefused(result, 2, 'MAILDRAIN_CONFIG_PASSWORD_IN_URL', '--proxy-password-file')
    expectRefused(await drain(server, ['--proxy', CANARY]), 2, 'MAILDRAIN_CONFIG_PROXY')
  })
})

it('--no-utf8 leaves UTF-8 mode off', async () => {
  const verbs = async (...flags: string[]) => {
    const server = await serve(1, { capabilities: { utf8: true } })
    expectDrained(await drain(server, flags), server)
    return server.log.map(({ verb }) => verb)
  }
  expect(await verbs()).toContain('UTF8')
  expect(await verbs('--no-utf8')).not.toContain('UTF8')
})

it('--discover: what does not go with it is refused', async () => {
  const file = join(newDirectory(), 'mail.db')
  const refused = (from: string, word: string) =>
    runCli(['drain', '--from', from, '--to', `sqlite:${file}`, '--discover']).then((result) =>
      expectRefused(result, 2, 'MAILDRAIN_CONFIG_INVALID', word),
    )
  await refused('pop3s://user@example.org:995', 'without one')
  await refused('pop3://user@example.org', '--starttls')
  expect(existsSync(file)).toBe(false)
})

it('nothing secret is in what is said, at the most talkative level, when it fails', async () => {
  const server = await serve(1, { capabilities: { sasl: ['SCRAM-SHA-256', 'PLAIN', 'XOAUTH2'] } })
  const receipt = join(newDirectory(), 'receipt.json')
  const flags = ['--log-level', 'debug', '--receipt', receipt]
  for (const env of [{ MAILDRAIN_PASSWORD: CANARY }, { MAILDRAIN_TOKEN: CANARY }]) {
    const { code, stdout, stderr } = await drain(server, flags, env)
    expect(code).toBe(3)
    const said = stdout + stderr + readFileSync(receipt, 'utf8')
    expect(said).toContain('MAILDRAIN_POP3_')
    for (const form of [CANARY, Buffer.from(CANARY).toString('base64').slice(0, -2)])
      expect(said).not.toContain(form)
  }
})
