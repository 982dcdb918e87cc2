/** What is kept of a session that ended, however it ended: all that the planner learns from. */
export interface SessionRecord {
  /** From connecting to the answer of STAT, ms. */
  readonly openMs: number
  /** STAT at its start; octets 0 where the server does not say. */
  readonly messages: number
  readonly octets: number
  /** From STAT to the last verdict (reading and writing), ms. */
  readonly readMs: number
  /** Messages whose reading ended, and their octets. */
  readonly read: number
  readonly readOctets: number
  /** DELEs accepted. */
  readonly deleted: number
  /** From the first DELE to the reply to QUIT, ms; null where QUIT was not sent or not answered. */
  readonly quitMs: number | null
  /** quit: answered. closed: given up on purpose without QUIT (something read was not durable). lost: the connection ended first. */
  readonly end: 'quit' | 'closed' | 'lost'
}
