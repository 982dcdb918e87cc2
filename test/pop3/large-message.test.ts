/** Messages far larger than memory should be: the client streams them. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { type AddressInfo, type Socket, createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'

const LINE = Buffer.from(`${'x'.repeat(76)}\r\n`)
const CHUNK = Buffer.concat(Array.from({ length: 800 }, () => LINE))

/** Serves one message of so many chunks, made while it is sent. */
async function serveChunks(count: number): Promise<number> {
  const octets = count * CHUNK.length
  const body = async (socket: Socket) => {
    socket.write(`+OK ${octets} octets\r\n`)
    for (let sent = 0; sent < count; sent += 1)
      if (!socket.write(CHUNK)) await new Promise((resolve) => socket.once('drain', resolve))
    socket.write('.\r\n')
  }
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.write('+OK\r\n')
    socket.on('data', (data) => {
      const verb = data.toString('latin1').slice(0, 4)
      if (verb === 'CAPA') socket.write('+OK\r\nUSER\r\n.\r\n')
      else if (verb === 'RETR') void body(socket)
      else socket.write('+OK\r\n')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

function digest(count: number): string {
  const hash = createHash('sha256')
  for (let chunk = 0; chunk < count; chunk += 1) hash.update(CHUNK)
  return hash.digest('hex')
}

describe('G10: a message of', () => {
  it.each([
    ['100 MB', 100e6],
    ['1 GB', 1e9],
  ])(
    '%s streams through in constant memory',
    async (_, size) => {
      const count = Math.ceil(size / CHUNK.length)
      const octets = count * CHUNK.length
      const port = await serveChunks(count)
      const script = join(import.meta.dirname, '../support/large-message.mjs')
      const { stdout } = await promisify(execFile)(process.execPath, [
        ...[script, JSON.stringify({ port, octets })],
      ])
      const result = JSON.parse(stdout) as { octets: number; sha256: string; growth: number }
      expect(result).toMatchObject({ octets, sha256: digest(count) })
      expect(result.growth).toBeLessThan(40e6)
    },
    360_000,
  )
})
