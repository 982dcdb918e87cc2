/**
 * How the server departs from the RFCs. Every switch is something that a real server does, which its description names
 * first; without any the server keeps RFC 1939, 2449, 2595 and 5034. Switches combine, and can be changed while sessions
 * are open.
 */
import type { DeletingBehaviour } from './deleting.ts'
import type { LineBehaviour } from './line.ts'
import type { ListingBehaviour } from './listing.ts'
import type { LoginBehaviour } from './login.ts'
import type { ReadingBehaviour } from './reading.ts'
import type { ViewBehaviour } from './view.ts'

export interface Behaviour
  extends
    LoginBehaviour,
    ViewBehaviour,
    ListingBehaviour,
    ReadingBehaviour,
    DeletingBehaviour,
    LineBehaviour {}
