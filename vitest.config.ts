import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/support/temporary-files.ts',
    setupFiles: ['test/support/fault-assertions.ts'],
    // What hangs ends by them; a busy machine takes a quarter of that.
    testTimeout: 120_000,
    hookTimeout: 600_000,
    expect: { poll: { timeout: 30_000 } },
    // Two cores is what CI has; more workers only make servers and brokers in the tests slower. At full size a good part of
    // the time is waiting for outages to end, which a third one uses.
    maxWorkers: process.env.MAILDRAIN_TEST_FULL === undefined ? 2 : 3,
    pool: 'forks',
  },
})
