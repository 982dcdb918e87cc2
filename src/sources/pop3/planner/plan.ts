/** What a session is planned from, what the plan says, and why. */

/** Infinity is no bound. */
export interface SessionBounds {
  readonly messages: number
  readonly octets: number
  /** Since STAT. */
  readonly ms: number
}

export interface PlanInput {
  /** STAT of the session that was just opened; octets 0 where the server does not say. */
  readonly messages: number
  readonly octets: number
  /** From connecting to the answer of STAT, ms. */
  readonly openMs: number
  /** The user's upper bounds: they always hold. */
  readonly bounds: SessionBounds
  /** What the server wants between two logins (RFC 2449 section 6.5), ms. */
  readonly loginDelayMs: number
  /** Whether what is read will be deleted: without, only bounds and losses matter. */
  readonly deletes: boolean
}

/**
 * What won. finish: all that is left. overhead: as long as opening and rewriting cost 5 % at most. update: the DELEs of a
 * longer one would keep QUIT too long. preference: longer than the 5 % needs, for fewer logins. bound: the user's.
 * first: nothing is known of the line. lost: half of the session that was lost. borne: twice what came to a good end.
 * ceiling: three quarters of where sessions were lost. retry: above it, to see whether it still stands.
 */
export type PlanCode =
  | 'finish'
  | 'overhead'
  | 'update'
  | 'preference'
  | 'bound'
  | 'first'
  | 'lost'
  | 'borne'
  | 'ceiling'
  | 'retry'

export interface PlanReason {
  readonly code: PlanCode
  /** One sentence with the figures, for --explain and the log. */
  readonly text: string
}

/** Stop asking for mail when any of these is reached. One message may always be asked for. All are finite. */
export interface SessionPlan {
  readonly messages: number
  readonly octets: number
  /** Since STAT. */
  readonly ms: number
  readonly why: PlanReason
}

/** What draining a mailbox will take. */
export interface Prediction {
  /** Including the two closing looks. */
  readonly sessions: number
  readonly seconds: number
  readonly readSeconds: number
  /** Connecting, logging in, STAT, and waiting for LOGIN-DELAY. */
  readonly openSeconds: number
  /** DELE and QUIT. */
  readonly quitSeconds: number
  /** Mail that is read. */
  readonly octets: number
  readonly listingOctets: number
  /** What was taken for granted, one sentence each. */
  readonly assumptions: readonly string[]
}
