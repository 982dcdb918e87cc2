/** Flags of the demo. */
import { z } from 'zod'

export const demoFlags = z.strictObject({
  messages: z
    .int()
    .min(1)
    .max(10_000_000)
    .default(2000)
    .describe('Messages in the mailbox; 144524 is the mailbox that maildrain was made for.')
    .meta({ placeholder: 'N' }),
  profile: z
    .enum(['mixed', 'small'])
    .default('mixed')
    .describe('mixed: 4 KB to 1 MB; small: about 4 KB.')
    .meta({ placeholder: 'NAME' }),
  sink: z
    .enum(['sqlite', 'kafka'])
    .default('sqlite')
    .describe('kafka: the broker at MAILDRAIN_TEST_KAFKA, else one in Docker, else one of Java.')
    .meta({ placeholder: 'NAME' }),
  dir: z
    .string()
    .min(1)
    .default('demo-data')
    .describe('Directory for the database; each run makes one of its own in it.')
    .meta({ placeholder: 'DIR' }),
  maxGrowthMb: z
    .int()
    .min(1)
    .optional()
    .describe(
      'Exit with 3 when memory in the last fifth is that much above memory between 10 and 30 %.',
    )
    .meta({ placeholder: 'N' }),
})

export type DemoFlags = z.output<typeof demoFlags>
