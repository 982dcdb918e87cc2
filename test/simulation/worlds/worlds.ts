/** The destination of a schedule, and what each life gets of it. */
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Sink } from '../../../src/sinks/sink.ts'
import type { Calls } from '../engine/calls.ts'
import type { Life } from '../engine/life.ts'
import type { Setting } from '../setting.ts'
import { KafkaWorld } from './kafka-world.ts'
import { ModelWorld } from './model-sink.ts'
import { SqliteWorld } from './sqlite-world.ts'
import type { World } from './store.ts'

export interface Destination {
  readonly world: World & { sink(life: Life): Sink }
  /** State of the machine that this life runs on: each has one of its own. */
  stateDir(number: number): string
  close(): void
}

/** In memory where the system has such a place: what is durable there is for the world to say, not for a disk. */
const SHARED_MEMORY = '/dev/shm'
const base = existsSync(SHARED_MEMORY) ? SHARED_MEMORY : tmpdir()
let opened = 0

export function openWorld(setting: Setting, calls: Calls): Destination {
  const directory = join(base, `maildrain-simulation-${process.pid}-${(opened += 1)}`)
  mkdirSync(directory, { recursive: true })
  const world = worldOf(setting, calls, directory)
  return {
    world,
    stateDir: (number) => join(directory, String(number)),
    close() {
      world.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

function worldOf({ destination, mistakes, rejects }: Setting, calls: Calls, directory: string) {
  if (destination === 'kafka') return new KafkaWorld(calls, mistakes)
  if (destination === 'sqlite') return new SqliteWorld(directory, calls)
  return new ModelWorld(destination, calls, mistakes, rejects)
}
