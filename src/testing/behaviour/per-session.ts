/** The same in every session, or decided by the session's number (1 is the first connection). */
export type PerSession<T> = T | ((session: number) => T | undefined)

/** About one message: its index, and the number of the session that asks. Undefined: as the RFC has it. */
export type PerMessage<T> = (index: number, session: number) => T | undefined
