/** The client's own sockets, with what is sent noted and, where wanted, the server's SASL mechanisms hidden from it. */
import { type ConnectTransport, connectSocket } from '../../src/pop3/transport.ts'

export interface ObservedTransport {
  readonly connect: ConnectTransport
  /** Verbs that were sent. */
  readonly verbs: string[]
}

export function observedTransport(hideSasl = false): ObservedTransport {
  const verbs: string[] = []
  const connect: ConnectTransport = async (target, events, io) => {
    const data = (chunk: Buffer): void => {
      const at = hideSasl ? chunk.indexOf('\r\nSASL ') : -1
      // Same length, another word: the client ignores what it does not know.
      if (at >= 0) chunk.write('XXXX', at + 2, 'latin1')
      events.data(chunk)
    }
    const transport = await connectSocket(
      target,
      { data, closed: (cause) => events.closed(cause) },
      io,
    )
    const write = transport.write.bind(transport)
    return Object.assign(transport, {
      write(text: string) {
        verbs.push(...text.split('\r\n').map((command) => command.split(' ')[0] ?? ''))
        write(text)
      },
    })
  }
  return { connect, verbs }
}
