/**
 * The twin's server in a thread of its own, so that making up mail does not take its time from the drain. It answers once,
 * with the port, and ends with its thread.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { FaultProxy, startPop3Server } from '../../testing/index.ts'
import { type Twin, twinServer } from './twin.ts'

/** Below this the line is this machine's own. */
const NEAR_MS = 1

const twin = workerData as Twin
const server = await startPop3Server({
  ...twinServer(twin),
  onEvent({ kind }) {
    // Only while it logs in: a server that may have to wait answers more slowly all the time.
    if (kind === 'connect') server.setBehaviour({ delayMs })
    if (kind === 'login') server.setBehaviour({ delayMs: undefined })
  },
})
const delayMs = (verb: string): number => (verb === 'PASS' ? twin.openMs : 0)
const { port } =
  twin.roundTripMs < NEAR_MS
    ? server
    : await FaultProxy.start({ port: server.port, delayMs: twin.roundTripMs / 2 })
parentPort?.postMessage(port)
