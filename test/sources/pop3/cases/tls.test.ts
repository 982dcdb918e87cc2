import { describe, expect, it } from 'vitest'
import type { Behaviour } from '../../../../src/testing/index.ts'
import { certificateFor, noOpenssl } from '../../../support/cli.ts'
import { drainInto, serve } from '../../../support/drains.ts'
import { MemorySink } from '../../../support/memory-sink.ts'

const NAME = 'localhost'

async function drainOverStls(behaviour: Behaviour) {
  const { key, cert } = certificateFor(NAME)
  const server = await serve(5, { behaviour, tls: { mode: 'stls', key, cert } })
  const sink = new MemorySink()
  const drained = drainInto(server, sink, {
    source: {
      ...{ tls: 'stls', ca: cert, servername: NAME, tlsTimeoutMs: 2000 },
      ...{ openPatienceMs: 50, retryPatienceMs: 50 },
    },
  })
  return { server, sink, drained }
}

const credentials = (verb: string): boolean => ['USER', 'PASS', 'AUTH', 'APOP'].includes(verb)

describe.skipIf(noOpenssl !== undefined)('a drain over STLS', () => {
  it('drains where nothing is wrong', async () => {
    const { server, sink, drained } = await drainOverStls({})
    expect(await drained).toMatchObject({ delivered: 5, verifiedGone: 5 })
    expect(sink.records).toHaveLength(5)
    expect(server.remaining()).toBe(0)
  })

  it.each([
    [20, 'text behind the +OK', { injectAfterStls: '+OK\r\n' }, 'MAILDRAIN_POP3_PROTOCOL'],
    [22, '-ERR', { stls: 'refused' }, 'MAILDRAIN_POP3_STLS_REFUSED'],
    [22, 'nothing in CAPA', { capaLines: () => ['USER'] }, 'MAILDRAIN_POP3_STLS_REFUSED'],
    [22, '-ERR to CAPA', { capa: 'error' }, 'MAILDRAIN_POP3_STLS_REFUSED'],
    [24, 'no handshake', { stls: 'stalls' }, 'MAILDRAIN_POP3_TIMEOUT'],
  ] as const)(
    'case %i, fault 45, 46, 47: %s ends it before any credential was sent',
    async (...row) => {
      const [, , behaviour, code] = row
      const { server, drained } = await drainOverStls(behaviour)
      await expect(drained).rejects.toMatchObject({ code })
      expect(server.log.filter(({ verb }) => credentials(verb))).toEqual([])
      expect(server.remaining()).toBe(5)
    },
  )
})
