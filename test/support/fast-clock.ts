import { type Clock, systemClock } from '../../src/clock.ts'

/** A clock that goes so many times as fast as that of the machine. */
export const fastClock = (times: number): Clock => ({
  now: () => Date.now(),
  monotonic: () => performance.now() * times,
  timer: (ms, fire) => systemClock.timer(ms / times, fire),
})
