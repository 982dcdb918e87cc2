/** Logs: JSON lines by pino, or plain lines above a progress bar. */
import { type DestinationStream, pino, stdSerializers } from 'pino'
import type { Logger } from '../logger.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** JSON lines, time as ISO 8601. */
export function jsonLogger(level: LogLevel, out: DestinationStream): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { error: stdSerializers.err },
    },
    out,
  )
}

const ORDER: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'silent']

/** Plain lines for people: the message alone, fields only at level debug. */
export function plainLogger(level: LogLevel, writeLine: (line: string) => void): Logger {
  const from = ORDER.indexOf(level)
  const at = (name: LogLevel) => (fields: object, message: string) => {
    if (ORDER.indexOf(name) < from) return
    const details = level === 'debug' ? ` ${JSON.stringify(fields)}` : ''
    writeLine(`${name === 'info' ? '' : `${name}: `}${message}${details}`)
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
