/** The torture of `npm run bench -- clients`, for maildrain's client alone. */
import { describe, expect, it } from 'vitest'
import { cases } from '../../bench/clients/cases.ts'
import { makeCertificates } from '../../bench/clients/certificates.ts'
import { torture } from '../../bench/clients/clients.ts'
import { newDirectory, noOpenssl } from '../support/cli.ts'

/** The benchmark is for a quiet machine: only where silence is the case must a client's time run out. */
const timesOf = (name: string) =>
  name.startsWith('silence')
    ? { timeoutMs: 1500, limitMs: 60_000 }
    : { timeoutMs: 60_000, limitMs: 150_000 }

describe.skipIf(noOpenssl !== undefined)('maildrain/pop3 through the torture of clients', () => {
  const certificates = noOpenssl === undefined ? makeCertificates(newDirectory()) : undefined
  it.concurrent.each(cases.map((one) => [one.name, one] as const))(
    '%s',
    async (_, one) => {
      const { mark, note } = await torture('maildrain', one, certificates!, timesOf(one.name))
      const right = one.job.needs === undefined ? /^ok/ : /^(?:ok|not offered)/
      expect(`${mark} ${note}`).toMatch(right)
    },
    180_000,
  )
})
