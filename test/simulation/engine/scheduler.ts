/**
 * Virtual time: everything that happens in a simulated world is a task in one queue, and nothing happens outside it. Two
 * runs of one seed take the same tasks in the same order.
 */
import type { Timer } from '../../../src/clock.ts'

interface Task {
  readonly at: number
  readonly order: number
  run: (() => void) | null
}

const isBefore = (a: Task, b: Task): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)

/** Lets every promise callback and `nextTick` run that is ready: what a task has set off is over before the next one. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export class Scheduler {
  /** A binary heap. */
  readonly #heap: Task[] = []
  #now = 0
  #order = 0
  /** Tasks that were run. */
  steps = 0

  /** Milliseconds since the world began. */
  get now(): number {
    return this.#now
  }

  /** Runs `run` once, in `ms` milliseconds. */
  after(ms: number, run: () => void): Timer {
    const task: Task = { at: this.#now + Math.max(0, ms), order: (this.#order += 1), run }
    this.#push(task)
    return { cancel: () => (task.run = null) }
  }

  /**
   * Takes the next task and lets all that follows from it happen.
   * @returns false when there is none
   */
  async step(): Promise<boolean> {
    for (let task = this.#pop(); task !== undefined; task = this.#pop()) {
      if (task.run === null) continue
      this.#now = task.at
      this.steps += 1
      task.run()
      await settle()
      return true
    }
    return false
  }

  #push(task: Task): void {
    const heap = this.#heap
    let i = heap.length
    heap.push(task)
    while (i > 0) {
      const parent = (i - 1) >> 1
      const above = heap[parent]!
      if (!isBefore(task, above)) break
      heap[i] = above
      i = parent
    }
    heap[i] = task
  }

  #pop(): Task | undefined {
    const heap = this.#heap
    const [first] = heap
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1
      if (!isBefore(heap[child]!, last)) break
      heap[i] = heap[child]!
      i = child
    }
    heap[i] = last
    return first
  }
}
