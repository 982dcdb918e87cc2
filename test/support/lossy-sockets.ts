/** Connections to a real broker that lose one request, or one answer, and are black holes from then on. */
import { type Socket, connect } from 'node:net'

/** Kafka protocol: api_key of EndTxn. */
export const END_TXN = 26

export class LossySockets {
  /** Armed once: the next request of this kind is lost. */
  lose: { readonly apiKey: number; readonly what: 'request' | 'reply' } | undefined
  lost = 0

  readonly factory = ({
    host,
    port,
    onConnect,
  }: {
    host: string
    port: number
    onConnect: () => void
  }): Socket => {
    const socket = connect({ host, port }, onConnect)
    socket.setKeepAlive(true)
    const write = socket.write.bind(socket)
    const emit = socket.emit.bind(socket)
    let hole = false
    socket.write = (bytes: Buffer, ...rest: never[]) => {
      if (hole) return true
      // size (4), api_key (2): kafkajs writes a request at a time.
      const { lose } = this
      if (lose?.apiKey === bytes.readInt16BE(4)) {
        const { what } = lose
        this.lose = undefined
        this.lost += 1
        hole = true
        if (what === 'request') return true
      }
      return write(bytes, ...rest)
    }
    socket.emit = ((event: string, ...args: unknown[]) =>
      hole && event === 'data' ? true : emit(event, ...args)) as typeof socket.emit
    return socket
  }
}
