/** The destination of a command. */
import type { DestinationAddress } from '../config/urls.ts'
import type { Sink } from '../sinks/sink.ts'

/** The driver of the destination alone is loaded. */
export async function openSink(address: DestinationAddress): Promise<Sink> {
  switch (address.kind) {
    case 'kafka': {
      const { kafka } = await import('../sinks/kafka/index.ts')
      return kafka({ brokers: address.brokers, topic: address.topic })
    }
    case 'sqlite': {
      const { sqlite } = await import('../sinks/sqlite/index.ts')
      return sqlite({ path: address.path })
    }
  }
}
