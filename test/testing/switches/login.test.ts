import { expect, it } from 'vitest'
import type { LoginBehaviour } from '../../../src/testing/behaviour/login.ts'
import { certificateFor, noOpenssl } from '../../support/cli.ts'
import { RawClient } from '../raw-client.ts'
import { behaving, client, greeted, isSilent, serving, tryLogin } from './servers.ts'

const stlsServer = (behaviour: LoginBehaviour) =>
  serving({ behaviour, tls: { mode: 'stls', ...certificateFor('localhost') } })

const probes: Record<keyof LoginBehaviour, () => Promise<void>> = {
  greeting: async () => {
    const busy = await RawClient.connect(await behaving({ greeting: '-ERR busy' }))
    expect(await busy.rest()).toBe('-ERR busy\r\n')
    const mute = await RawClient.connect(await behaving({ greeting: null }))
    expect(await isSilent(mute)).toBe(true)
    const named = await RawClient.connect(await behaving({ greeting: 'hello <1@x>' }))
    expect(await named.line()).toBe('+OK hello <1@x>')
  },
  capa: async () => {
    const early = await greeted(await behaving({ capa: 'error' }))
    expect(await early.ask('CAPA')).toMatch(/^-ERR/)
    const late = await behaving({ capa: 'error-after-login' })
    expect(await (await greeted(late)).ask('CAPA')).toMatch(/^\+OK/)
    expect(await (await RawClient.login(late)).ask('CAPA')).toMatch(/^-ERR/)
    const hanging = await greeted(await behaving({ capa: 'hangs' }))
    hanging.send('CAPA\r\n')
    expect(await isSilent(hanging)).toBe(true)
    const endless = await greeted(await behaving({ capa: 'endless' }))
    endless.send('CAPA\r\n')
    await expect.poll(() => endless.octets).toBeGreaterThan(1_000_000)
    expect((await endless.until('X-MORE-9\r\n')).toString()).not.toContain('\r\n.\r\n')
    endless.destroy()
  },
  capaLines: async () => {
    const server = await behaving({
      capaLines: (lines, loggedIn) => (loggedIn ? [...lines, 'X-IN'] : ['X-OUT']),
    })
    expect(await (await greeted(server)).lines('CAPA')).toEqual(['X-OUT'])
    expect(await (await RawClient.login(server)).lines('CAPA')).toContain('X-IN')
  },
  stls: async () => {
    const refusing = await greeted(await stlsServer({ stls: 'refused' }))
    expect(await refusing.ask('STLS')).toMatch(/^-ERR/)
    const stalling = await greeted(await stlsServer({ stls: 'stalls' }))
    stalling.send('STLS\r\n')
    expect(await stalling.line()).toMatch(/^\+OK/)
    stalling.send('\x16\x03\x01 hello\r\nCAPA\r\n')
    expect(await isSilent(stalling)).toBe(true)
  },
  injectAfterStls: async () => {
    const one = await greeted(await stlsServer({ injectAfterStls: '+OK yours\r\n' }))
    expect(await one.ask('STLS')).toBe('+OK Begin TLS.')
    expect(await one.line()).toBe('+OK yours')
  },
  saslPrompt: async () => {
    const one = await greeted(await behaving({ saslPrompt: '+OK go ahead' }))
    expect(await one.ask('AUTH PLAIN')).toBe('+OK go ahead')
    const response = Buffer.from('\0user\0secret').toString('base64')
    expect(await one.ask(response)).toMatch(/^\+OK/)
  },
  rejectLogin: async () => {
    const server = await behaving({ rejectLogin: '[SYS/TEMP] later' })
    expect(await tryLogin(server)).toBe('-ERR [SYS/TEMP] later')
  },
  lockAccountAfter: async () => {
    const server = await behaving({ lockAccountAfter: 2 })
    expect(await tryLogin(server, 'user', 'wrong')).toMatch(/^-ERR \[AUTH\] Auth/)
    expect(await tryLogin(server, 'user', 'wrong')).toMatch(/^-ERR \[AUTH\] Auth/)
    expect(await tryLogin(server)).toBe('-ERR [AUTH] Account locked.')
  },
  inUse: async () => {
    const server = await behaving({ inUse: 1 })
    expect(await tryLogin(server)).toMatch(/^-ERR \[IN-USE\]/)
    expect(await tryLogin(server)).toMatch(/^\+OK/)
  },
  lockMailbox: async () => {
    const server = await behaving({ lockMailbox: true })
    const first = await RawClient.login(server)
    expect(await tryLogin(server)).toMatch(/^-ERR \[IN-USE\]/)
    await first.ask('QUIT')
    await first.rest()
    await expect.poll(() => tryLogin(server)).toMatch(/^\+OK/)
  },
  loginDelay: async () => {
    const server = await behaving({ loginDelay: 3 })
    expect(await (await RawClient.login(server)).lines('CAPA')).toContain('LOGIN-DELAY 3')
    expect(await tryLogin(server)).toMatch(/^-ERR \[LOGIN-DELAY\]/)
    await new Promise((resolve) => setTimeout(resolve, 3010))
    expect(await tryLogin(server)).toMatch(/^\+OK/)
  },
}

const needOpenssl = new Set(['stls', 'injectAfterStls'])
for (const [name, probe] of Object.entries(probes))
  it.skipIf(noOpenssl !== undefined && needOpenssl.has(name))(name, probe)

it('a switch that was on can be turned off while sessions are open', async () => {
  const server = await behaving({ capa: 'error' })
  const one = await RawClient.login(server)
  expect(await one.ask('CAPA')).toMatch(/^-ERR/)
  server.setBehaviour({ capa: undefined })
  expect(await one.lines('CAPA')).toContain('PIPELINING')
})

it('a mailbox without switches keeps RFC 1939', async () => {
  const one = await client({})
  expect(await one.ask('STAT')).toMatch(/^\+OK 4 \d+$/)
})
