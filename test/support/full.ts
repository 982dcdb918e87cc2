/** Why what takes minutes is left out; undefined when everything is to run at full size, as in .ci/run. */
export const notFull: string | undefined =
  process.env.MAILDRAIN_TEST_FULL === undefined
    ? 'takes minutes: set MAILDRAIN_TEST_FULL, as .ci/run does'
    : undefined
