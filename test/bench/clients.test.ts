/** The torture of `npm run bench -- clients`, for maildrain's client alone. */
import { describe, expect, it } from 'vitest'
import { cases } from '../../bench/clients/cases.ts'
import { makeCertificates } from '../../bench/clients/certificates.ts'
import { torture } from '../../bench/clients/clients.ts'
import { newDirectory, noOpenssl } from '../support/cli.ts'

/** The benchmark is for a quiet machine: both of its times, 2.7 and 2.5 times as long. */
const PATIENT = { timeoutMs: 4000, limitMs: 20_000 } as const

describe.skipIf(noOpenssl !== undefined)('maildrain/pop3 through the torture of clients', () => {
  const certificates = noOpenssl === undefined ? makeCertificates(newDirectory()) : undefined
  it.concurrent.each(cases.map((one) => [one.name, one] as const))(
    '%s',
    async (_, one) => {
      const { mark, note } = await torture('maildrain', one, certificates!, PATIENT)
      const right = one.job.needs === undefined ? /^ok/ : /^(?:ok|not offered)/
      expect(`${mark} ${note}`).toMatch(right)
    },
    180_000,
  )
})
